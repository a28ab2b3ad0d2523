namespace LayerSkip.Engine.Constraints;

/// <summary>How many tokens complete the output behind each token that may come next.</summary>
internal sealed class CompletionTable
{
    /// <summary>Most tokens of a completion: what takes more is never completed.</summary>
    public const int Longest = Never - 1;

    private const ushort Never = ushort.MaxValue;

    // [token]; what takes so many that they do not fit is never completed.
    private readonly ushort[] _counts;

    public CompletionTable(int vocabularySize)
    {
        _counts = new ushort[vocabularySize];
        Array.Fill(_counts, Never);
    }

    /// <summary>Bytes of a table.</summary>
    public static long BytesOf(int vocabularySize) => sizeof(ushort) * (long)vocabularySize;

    /// <summary>Fewest tokens behind any of them.</summary>
    public int Least { get; private set; } = int.MaxValue;

    /// <summary>Most tokens behind any of them.</summary>
    public int Most { get; private set; }

    public void Add(int token, int count)
    {
        _counts[token] = (ushort)Math.Min(count, Never);
        (Least, Most) = (Math.Min(Least, count), Math.Max(Most, count));
    }

    /// <summary>Whether a token may come next with so many more behind it.</summary>
    public bool Allows(int token, int left) => token < _counts.Length && _counts[token] != Never && _counts[token] <= left;

    /// <summary>Bans all other tokens.</summary>
    /// <param name="logits">One for each id; those beyond the table are banned as well.</param>
    /// <param name="left">Tokens that may come behind the next.</param>
    public void Apply(Span<float> logits, int left)
    {
        for (var token = 0; token < logits.Length; token++)
        {
            logits[token] = Allows(token, left) ? logits[token] : float.NegativeInfinity;
        }
    }
}
