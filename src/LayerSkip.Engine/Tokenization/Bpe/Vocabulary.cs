namespace LayerSkip.Engine.Tokenization.Bpe;

/// <summary>The model's own vocabulary, added tokens apart: spelling to id.</summary>
internal sealed class Vocabulary
{
    /// <summary>Longest spelling of a token, in characters; real ones stay far below.</summary>
    public const int MaxTokenLength = 65_536;

    /// <summary>How far the largest id may lie beyond the number of tokens: tables are indexed by id, and a file must not blow them up.</summary>
    public const int MaxIdGap = 1 << 20;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;

    /// <param name="ids">Spelling to id; ids are distinct and not negative.</param>
    public Vocabulary(Dictionary<string, int> ids)
    {
        _ids = ids;
        _idsBySpan = ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public int Count => _ids.Count;

    public IEnumerable<KeyValuePair<string, int>> Tokens => _ids;

    public bool TryGetId(ReadOnlySpan<char> token, out int id) => _idsBySpan.TryGetValue(token, out id);
}
