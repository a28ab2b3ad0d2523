using System.Text;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Devices.Scripted;

/// <summary>A scripted model's tokens as the bytes they spell, and how much it wants each where it has no say.</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="ends">The tokens that end an answer; the first is what the model writes.</param>
internal sealed class ScriptedVocabulary(Tokenizer tokenizer, IReadOnlyList<int> ends)
{
    private const float EndLogit = 50;
    private const float CloserLogit = 40;
    private const float ControlLogit = -20;

    private readonly Lazy<Dictionary<string, int>> _idsByBytes = new(() => IdsByBytes(tokenizer));

    /// <summary>The token that ends an answer.</summary>
    public int End => ends[0];

    public int Size => tokenizer.VocabularySize;

    /// <summary>A text's tokens; special tokens may be spelled out in it.</summary>
    public int[] Encode(string text) => tokenizer.Encode(text, addSpecialTokens: false);

    /// <summary>The text of all tokens, special tokens spelled out.</summary>
    public string Decode(ReadOnlySpan<int> tokens) => tokenizer.Decode(tokens, skipSpecialTokens: false);

    public ReadOnlySpan<byte> Bytes(int id) => tokenizer.BytesOf(id, isFirst: false);

    /// <summary>The longest token that the bytes begin with, or null where there is none.</summary>
    public int? LongestPrefix(ReadOnlySpan<byte> bytes)
    {
        var text = Encoding.Latin1.GetString(bytes[..Math.Min(bytes.Length, 64)]);
        for (var length = text.Length; length > 0; length--)
        {
            if (_idsByBytes.Value.TryGetValue(text[..length], out var id))
            {
                return id;
            }
        }

        return null;
    }

    /// <summary>A token other than <paramref name="id"/> that neither ends an answer nor controls anything.</summary>
    public int OtherThan(int id)
    {
        var other = id;
        do
        {
            other = (other + 1) % Size;
        }
        while (other != id && IsControl(other));
        return other;
    }

    /// <summary>What the model wants beside the script: to end, to close what JSON has open, anything at all.</summary>
    /// <param name="position">The position, which the order of the rest depends on.</param>
    /// <param name="logits">One for each token.</param>
    public void FillLogits(int position, Span<float> logits)
    {
        for (var id = 0; id < logits.Length; id++)
        {
            logits[id] = IsControl(id) ? ControlLogit : Noise(position, id);
        }

        var closing = CloserLogit;
        foreach (var closer in (ReadOnlySpan<string>)["\"", "}", "]"])
        {
            if (_idsByBytes.Value.TryGetValue(closer, out var id))
            {
                logits[id] = closing--;
            }
        }

        logits[End] = EndLogit;
    }

    /// <summary>Spread over [0, 1), always alike.</summary>
    public static float Noise(int position, int id)
    {
        var hash = (((ulong)(uint)position << 32) | (uint)id) * 0x9E3779B97F4A7C15;
        hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93;
        return (hash >> 40) * (1f / (1 << 24));
    }

    private bool IsControl(int id) => tokenizer.IsSpecial(id) || ends.Contains(id) || Bytes(id).IsEmpty;

    private static Dictionary<string, int> IdsByBytes(Tokenizer tokenizer)
    {
        var ids = new Dictionary<string, int>();
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            if (!tokenizer.IsSpecial(id))
            {
                ids.TryAdd(Encoding.Latin1.GetString(tokenizer.BytesOf(id, isFirst: false)), id);
            }
        }

        return ids;
    }
}
