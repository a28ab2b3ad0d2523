namespace LayerSkip.Engine.Decoding;

/// <summary>Decides, before each round, how deep and how far to draft. One for each request; it may keep state.</summary>
internal interface IDraftController
{
    /// <summary>The next round's draft.</summary>
    /// <param name="last">What became of the last round; all zero before the first.</param>
    DraftPlan Next(in DraftResult last);
}

/// <summary>One round's draft: run <paramref name="ExitLayer"/> layers, up to <paramref name="Length"/> times (0 .. 64).</summary>
internal readonly record struct DraftPlan(int ExitLayer, int Length);

/// <summary>What became of a draft: how many tokens were drafted at which exit layer, and how many of them accepted.</summary>
internal readonly record struct DraftResult(int ExitLayer, int Drafted, int Accepted);

/// <summary>The same exit layer and speculation length in every round, as in the paper.</summary>
internal sealed class FixedDraft(int exitLayer, int length) : IDraftController
{
    public DraftPlan Next(in DraftResult last) => new(exitLayer, length);
}
