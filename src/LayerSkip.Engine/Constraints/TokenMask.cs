using System.Numerics;

namespace LayerSkip.Engine.Constraints;

/// <summary>The tokens that may come next, one bit each.</summary>
internal sealed class TokenMask(int vocabularySize)
{
    private readonly ulong[] _words = new ulong[(vocabularySize + 63) / 64];

    /// <summary>How many tokens there are.</summary>
    public int Count { get; private set; }

    /// <summary>The only token that is taken where the text leaves no choice, else -1.</summary>
    public int Forced { get; set; } = -1;

    /// <summary>Special tokens among them after which the output may end, where it may not end before them.</summary>
    public List<int> Closing { get; } = [];

    /// <summary>Most bytes that the shortest completion has after any of the tokens: with so many tokens left there is room to complete all.</summary>
    public int MaxRemainder { get; set; }

    /// <summary>How many tokens complete the output after each of them; null: nobody has asked yet.</summary>
    public CompletionTable? Completions { get; set; }

    /// <summary>Whether a token is among them; one beyond the mask is not.</summary>
    public bool Contains(int token) => token >> 6 < _words.Length && (_words[token >> 6] >> (token & 63) & 1) != 0;

    /// <summary>The lowest id of them; there is one.</summary>
    public int First()
    {
        var index = _words.AsSpan().IndexOfAnyExcept(0UL);
        return (index * 64) + BitOperations.TrailingZeroCount(_words[index]);
    }

    public void Add(int token)
    {
        ref var word = ref _words[token >> 6];
        Count += Contains(token) ? 0 : 1;
        word |= 1UL << (token & 63);
    }

    /// <summary>The likeliest of them, or -1 where none has a logit above negative infinity.</summary>
    public int Best(ReadOnlySpan<float> logits)
    {
        var (best, most) = (-1, float.NegativeInfinity);
        for (var index = 0; index < _words.Length; index++)
        {
            for (var word = _words[index]; word != 0; word &= word - 1)
            {
                var token = (index * 64) + BitOperations.TrailingZeroCount(word);
                (best, most) = logits[token] > most ? (token, logits[token]) : (best, most);
            }
        }

        return best;
    }

    /// <summary>Bans all other tokens.</summary>
    /// <param name="logits">One for each id; those beyond the mask are banned as well.</param>
    public void Apply(Span<float> logits)
    {
        for (var index = 0; index < _words.Length; index++)
        {
            var word = _words[index];
            if (word == ulong.MaxValue)
            {
                continue;
            }

            var some = logits[(index * 64)..Math.Min((index + 1) * 64, logits.Length)];
            if (word == 0)
            {
                some.Fill(float.NegativeInfinity);
                continue;
            }

            for (var i = 0; i < some.Length; i++)
            {
                some[i] = (word >> i & 1) != 0 ? some[i] : float.NegativeInfinity;
            }
        }

        logits[Math.Min(_words.Length * 64, logits.Length)..].Fill(float.NegativeInfinity);
    }
}
