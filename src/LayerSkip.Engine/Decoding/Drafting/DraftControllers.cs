using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Creates the controller that a plan asks for.</summary>
internal static class DraftControllers
{
    /// <summary>A controller for one request.</summary>
    /// <param name="plan">How to decode.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="costs">What steps cost; measured by the generation where <see cref="NeedsCosts"/>.</param>
    public static IDraftController Create(DecodingPlan plan, ModelConfig config, StepCosts? costs)
    {
        if (plan.NumSpeculations == 0)
        {
            return new FixedDraft(plan.ExitLayer, 0);
        }

        var (exit, longest) = (plan.ExitLayer, plan.NumSpeculations);
        var usesExit = plan.Source != DraftSource.Lookup && config.Layers > 1;
        if (plan.Controller == DraftController.Auto)
        {
            return new AutoDraft(costs!, config.Layers, usesExit ? Exits(plan, config) : [], exit, plan.IsExitDeclared, longest);
        }

        IDraftController controller = !usesExit ? new FixedDraft(0, 0) : plan.Controller switch
        {
            DraftController.Fixed => new FixedDraft(exit, longest),
            DraftController.Fsm => new StepwiseDraft(exit, longest),
            DraftController.Confidence => new ConfidenceDraft(exit, longest, plan.DraftThreshold),
            DraftController.Adaptive => new AdaptiveThresholdDraft(exit, longest, plan.DraftThreshold),
            DraftController.Dynamic => new DynamicExitDraft(costs!, config.Layers, Exits(plan, config), exit, longest),
            _ => throw new ArgumentOutOfRangeException(nameof(plan), plan.Controller, "No draft controller."),
        };
        return plan.Source == DraftSource.Exit ? controller : new LookupFirstDraft(controller, longest);
    }

    /// <summary>Whether a plan's controller goes by what steps cost.</summary>
    public static bool NeedsCosts(DecodingPlan plan) =>
        plan.NumSpeculations > 0 && plan.Controller is DraftController.Auto or DraftController.Dynamic;

    private static int[] Exits(DecodingPlan plan, ModelConfig config) =>
        plan.IsExitFixed ? [plan.ExitLayer] : ExitLadder.Of(config.Layers, plan.ExitLayer);
}
