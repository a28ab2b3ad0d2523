using LayerSkip.Engine.Tokenization.Bpe;

namespace LayerSkip.Engine.Tokenization;

/// <summary>Every token by id, the model's and the added ones.</summary>
internal sealed class TokenTable
{
    private readonly string?[] _spellings;
    private readonly Dictionary<string, AddedToken> _addedBySpelling = [];
    private readonly Dictionary<int, AddedToken> _addedById = [];
    private readonly Vocabulary _vocabulary;

    /// <param name="vocabulary">The model's own tokens.</param>
    /// <param name="addedTokens">Consistent with each other and with the vocabulary.</param>
    /// <param name="paddedSize">Least <see cref="Size"/>; ids that no token has are holes.</param>
    public TokenTable(Vocabulary vocabulary, IReadOnlyList<AddedToken> addedTokens, int paddedSize = 0)
    {
        _vocabulary = vocabulary;
        var largest = -1;
        foreach (var (_, id) in vocabulary.Tokens)
        {
            largest = Math.Max(largest, id);
        }

        foreach (var token in addedTokens)
        {
            largest = Math.Max(largest, token.Id);
            _addedById[token.Id] = token;
            _addedBySpelling[token.Content] = token;
        }

        _spellings = new string?[Math.Max(largest + 1, paddedSize)];
        foreach (var (spelling, id) in vocabulary.Tokens)
        {
            _spellings[id] = spelling;
        }

        foreach (var token in addedTokens)
        {
            _spellings[token.Id] = token.Content;
        }

        Count = _spellings.Count(spelling => spelling is not null);
    }

    /// <summary>Largest id + 1, or the padded size if that is more.</summary>
    public int Size => _spellings.Length;

    /// <summary>How many ids have a token.</summary>
    public int Count { get; }

    /// <summary>How many of them are added tokens, whether the vocabulary holds them too or not.</summary>
    public int Added => _addedById.Count;

    /// <summary>The spelling, or null for an id between 0 and <see cref="Size"/> that no token has.</summary>
    public string? Spelling(int id) => _spellings[id];

    public bool IsAdded(int id) => _addedById.ContainsKey(id);

    public bool IsSpecial(int id) => _addedById.TryGetValue(id, out var token) && token.IsSpecial;

    public bool TryGetId(string spelling, out int id)
    {
        if (_addedBySpelling.TryGetValue(spelling, out var token))
        {
            id = token.Id;
            return true;
        }

        return _vocabulary.TryGetId(spelling, out id);
    }
}
