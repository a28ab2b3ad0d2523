namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>The same exit layer and speculation length in every round, as in the paper.</summary>
internal sealed class FixedDraft(int exitLayer, int length) : IDraftController
{
    public double? LastBelow => 0;

    public DraftPlan Next(in LookupMatch match, int inputs) => new(exitLayer, length);
}
