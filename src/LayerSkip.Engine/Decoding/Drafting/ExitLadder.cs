namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>The exits that are worth telling apart: close together where they are shallow, and none so deep that it leaves little to skip.</summary>
internal static class ExitLadder
{
    /// <summary>Exits in ascending order, a given one among them.</summary>
    /// <param name="layers">The model's layers.</param>
    /// <param name="given">An exit, or null.</param>
    public static int[] Of(int layers, int? given)
    {
        var exits = new SortedSet<int>();
        for (var (exit, step) = (1, 1); exit < layers && (exit <= 0.75 * layers || exit == 1); exit += step)
        {
            exits.Add(exit);
            step = exit >= 4 * step ? 2 * step : step;
        }

        if (given is { } asked && asked < layers)
        {
            exits.Add(asked);
        }

        return [.. exits];
    }
}
