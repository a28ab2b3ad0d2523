namespace LayerSkip.Engine.Scheduling;

/// <summary>Divides a request for hidden states, so that one caller's thousands of inputs do not hold up another's one.</summary>
internal static class PoolingPieces
{
    private const int MaxInputs = 128;
    private const int MaxTokens = 2048;

    /// <summary>How many inputs each piece has, in order: a piece of 2048 tokens or more takes no further one.</summary>
    /// <param name="lengths">Tokens of each input.</param>
    public static IReadOnlyList<int> Of(ReadOnlySpan<int> lengths)
    {
        var pieces = new List<int>();
        var tokens = 0;
        foreach (var length in lengths)
        {
            if (pieces.Count == 0 || pieces[^1] == MaxInputs || tokens >= MaxTokens)
            {
                pieces.Add(0);
                tokens = 0;
            }

            pieces[^1]++;
            tokens += length;
        }

        return pieces;
    }
}
