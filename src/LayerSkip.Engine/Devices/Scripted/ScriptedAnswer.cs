namespace LayerSkip.Engine.Devices.Scripted;

/// <summary>One answer as bytes, and where a request stands in it, whatever it has been made to write in between.</summary>
internal sealed class ScriptedAnswer
{
    /// <summary>Fewer bytes than these that match after forced ones, and are followed by forced ones, match by chance.</summary>
    private const int ChanceBytes = 4;

    private readonly ScriptedVocabulary _vocabulary;
    private readonly byte[] _bytes;

    // Where each token of the answer's own tokenization begins.
    private readonly Dictionary<int, int> _tokens = [];

    public ScriptedAnswer(ScriptedVocabulary vocabulary, string text)
    {
        _vocabulary = vocabulary;
        var bytes = new List<byte>();
        foreach (var token in vocabulary.Encode(text))
        {
            _tokens.TryAdd(bytes.Count, token);
            bytes.AddRange(vocabulary.Bytes(token));
        }

        _bytes = [.. bytes];
    }

    /// <summary>The token the model wants after some output, and the one it wants where white space is banned (the same where there is none).</summary>
    public (int Token, int AfterSpace) Next(ReadOnlySpan<int> output)
    {
        var place = Walk(output);
        return (TokenAt(place), TokenAt(SkipSpace(place)));
    }

    private int Walk(ReadOnlySpan<int> output)
    {
        var place = 0;
        var runStart = 0;
        var forced = false;
        foreach (var token in output)
        {
            if (Match(place, _vocabulary.Bytes(token)) is { } next)
            {
                place = next;
                continue;
            }

            if (forced && place - runStart < ChanceBytes)
            {
                place = runStart;
            }

            forced = true;
            runStart = place;
        }

        return place;
    }

    /// <summary>The place behind the bytes, which may leave white space out; null where the answer does not go on with them.</summary>
    private int? Match(int place, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
        {
            if (place == _bytes.Length || _bytes[place] != value)
            {
                place = SkipSpace(place);
            }

            if (place == _bytes.Length || _bytes[place] != value)
            {
                return null;
            }

            place++;
        }

        return bytes.IsEmpty ? null : place;
    }

    private int SkipSpace(int place)
    {
        while (place < _bytes.Length && (_bytes[place] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t'))
        {
            place++;
        }

        return place;
    }

    private int TokenAt(int place) => place == _bytes.Length ? _vocabulary.End
        : _tokens.TryGetValue(place, out var token) ? token
        : _vocabulary.LongestPrefix(_bytes.AsSpan(place)) ?? _vocabulary.End;
}
