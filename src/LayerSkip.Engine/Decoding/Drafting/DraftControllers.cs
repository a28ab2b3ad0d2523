using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Creates the controller that a plan asks for.</summary>
internal static class DraftControllers
{
    // Copies of random weights, whose logits lie as close together as can be, guess one token in ten wrong in int8 and about every other one in int4; those of trained ones fewer, so
    // that int4 is not taken at its worst: too few drafts would never show better.
    private const double Int8Error = 0.1;
    private const double Int4Error = 0.3;

    /// <summary>A controller for one request.</summary>
    /// <param name="plan">How to decode.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="costs">What steps cost; measured by the generation where <see cref="NeedsCosts"/>.</param>
    /// <param name="draftsCoarsely">Whether the device drafts by coarse weights, by which all layers may draft.</param>
    public static IDraftController Create(DecodingPlan plan, ModelConfig config, StepCosts? costs, bool draftsCoarsely)
    {
        if (plan.NumSpeculations == 0)
        {
            return new FixedDraft(plan.ExitLayer, 0);
        }

        var (exit, longest) = (plan.ExitLayer, plan.NumSpeculations);
        var exits = plan.Source == DraftSource.Lookup ? [] : Exits(plan, config.Layers, draftsCoarsely);
        if (plan.Controller == DraftController.Auto)
        {
            return new AutoDraft(costs!, config.Layers, exits, exit, plan.IsExitDeclared, longest, plan.DraftWeights == DraftWeights.Int8 ? Int8Error : Int4Error);
        }

        IDraftController controller = !exits.Contains(exit) ? new FixedDraft(0, 0) : plan.Controller switch
        {
            DraftController.Fixed => new FixedDraft(exit, longest),
            DraftController.Fsm => new StepwiseDraft(exit, longest),
            DraftController.Confidence => new ConfidenceDraft(exit, longest, plan.DraftThreshold),
            DraftController.Adaptive => new AdaptiveThresholdDraft(exit, longest, plan.DraftThreshold),
            DraftController.Dynamic => new DynamicExitDraft(costs!, config.Layers, exits, exit, longest),
            _ => throw new ArgumentOutOfRangeException(nameof(plan), plan.Controller, "No draft controller."),
        };
        return plan.Source == DraftSource.Exit ? controller : new LookupFirstDraft(controller, longest);
    }

    /// <summary>Whether a plan's controller goes by what steps cost.</summary>
    public static bool NeedsCosts(DecodingPlan plan) =>
        plan.NumSpeculations > 0 && plan.Controller is DraftController.Auto or DraftController.Dynamic;

    /// <summary>Exits to draft by, in ascending order.</summary>
    private static int[] Exits(DecodingPlan plan, int layers, bool draftsCoarsely)
    {
        if (plan.IsExitFixed || plan.Controller is not (DraftController.Auto or DraftController.Dynamic))
        {
            return plan.ExitLayer < layers || draftsCoarsely ? [plan.ExitLayer] : [];
        }

        // All layers are not copied to be tried: where another exit is declared, nobody has asked for that.
        var exits = ExitLadder.Of(layers, plan.ExitLayer);
        return plan.ExitLayer == layers && draftsCoarsely ? [.. exits, layers] : exits;
    }
}
