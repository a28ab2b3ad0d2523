using System.Globalization;
using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Decoding;

/// <summary>What each token decodes to, as bytes: one array and, for each id, where its bytes begin.</summary>
internal sealed class TokenBytes
{
    private const int MaxTotal = 1 << 28;

    private readonly byte[] _bytes;
    private readonly int[] _offsets; // id: bytes [offsets[id], offsets[id + 1])
    private readonly TokenTable _tokens;
    private readonly DecoderSettings _settings;

    /// <param name="tokens">The tokens.</param>
    /// <param name="settings">How they are decoded.</param>
    /// <param name="origin">The file that says so, for errors.</param>
    /// <exception cref="CheckpointException">The decoder blows the tokens up beyond all measure, or takes too long.</exception>
    public TokenBytes(TokenTable tokens, DecoderSettings settings, string origin)
    {
        _tokens = tokens;
        _settings = settings;
        _offsets = new int[tokens.Size + 1];
        using var all = new MemoryStream();
        var budget = new RegexBudget(Enumerable.Range(0, tokens.Size).Sum(id => tokens.Spelling(id)?.Length ?? 0));
        for (var id = 0; id < tokens.Size; id++)
        {
            all.Write(Render(id, isFirst: false, budget));
            if (all.Length > MaxTotal)
            {
                throw new CheckpointException($"{origin}: decoder turns the tokens into more than {MaxTotal} bytes, expected fewer.");
            }

            _offsets[id + 1] = (int)all.Length;
        }

        _bytes = all.ToArray();
    }

    /// <summary>The bytes of a token in the text, or at its very start.</summary>
    public ReadOnlySpan<byte> Get(int id, bool isFirst) => isFirst && _settings.TreatsFirstApart
        ? Render(id, isFirst: true, new RegexBudget(_tokens.Spelling(id)?.Length ?? 0))
        : _bytes.AsSpan(_offsets[id].._offsets[id + 1]);

    private byte[] Render(int id, bool isFirst, RegexBudget budget)
    {
        if (_tokens.Spelling(id) is not { } token)
        {
            return [];
        }

        foreach (var step in _settings.Steps)
        {
            token = step.Apply(token, isFirst, budget);
        }

        if (_settings.HasByteFallback && TryParseByte(token, out var value))
        {
            return [value];
        }

        // An added token is text as it stands, never the alphabet's spelling of bytes.
        var spelled = _settings.IsByteLevel && !_tokens.IsAdded(id) ? ByteLevelAlphabet.TryGetBytes(token) : null;
        return spelled ?? Encoding.UTF8.GetBytes(token);
    }

    private static bool TryParseByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
