namespace LayerSkip.Engine.Constraints;

/// <summary>Counts the tokens that complete a text: an upper bound, never more than the bytes.</summary>
/// <remarks>
/// Of the completions of the fewest bytes the first in order is meant, and in each place the longest token that goes along it. What is then left of the text is completed
/// just so, with a token less: whoever has room for a completion has room for it behind this token, and where a token is forced, it is this one.
/// </remarks>
internal sealed class CompletionCounter(TokenTrie trie, TokenTrie startTrie, int[] specialTokens)
{
    // Longer completions count as if each byte took a token.
    private const int MaxBytes = 4096;

    /// <summary>Tokens that complete a text.</summary>
    /// <param name="node">What may still be written.</param>
    /// <param name="isStart">Whether no token with text has been written yet.</param>
    public int Count(GrammarNode node, bool isStart)
    {
        // At the start other texts belong to the tokens.
        var tokens = 0;
        for (; isStart && IsCounted(node) && After(node, startTrie) is var (next, hasText); tokens++)
        {
            (node, isStart) = (next, !hasText);
        }

        return tokens + (isStart ? node.MinBytes : Count(node));
    }

    private int Count(GrammarNode node)
    {
        var passed = new Stack<GrammarNode>();
        while (node.KnownCompletion(trie) is null && IsCounted(node) && After(node, trie) is var (next, _))
        {
            passed.Push(node);
            node = next;
        }

        var tokens = node.KnownCompletion(trie) ?? node.MinBytes;
        while (passed.TryPop(out var before))
        {
            before.KeepCompletion(trie, ++tokens);
        }

        return tokens;
    }

    private static bool IsCounted(GrammarNode node) => node.MinBytes is > 0 and <= MaxBytes;

    /// <summary>What is left behind the completion's first token, and whether that has text; null where none is known that leads nearer to the end.</summary>
    private (GrammarNode Node, bool HasText)? After(GrammarNode node, TokenTrie tokens)
    {
        if (tokens.AlongShortest(node) is { } rest)
        {
            return (rest, true);
        }

        if (node.AllowsSpecialTokens)
        {
            foreach (var token in specialTokens)
            {
                if (node.DeriveSpecial(token) is var next && next.MinBytes < node.MinBytes)
                {
                    return (next, false);
                }
            }
        }

        return null;
    }
}
