using LayerSkip.Cli.Reports;

namespace LayerSkip.Cli.Training;

/// <summary>What of a plan would be done as the recipe says, but may not be what its author means.</summary>
internal static class PlanNotes
{
    /// <summary>The notes, a line each.</summary>
    public static IEnumerable<string> Of(TrainingPlan plan, DiskNeed disk)
    {
        if (disk.IsShort)
        {
            yield return $"the disk of {plan.Recipe.Output} has {Quantity.Bytes(disk.Free!.Value)} free, expected {Quantity.Bytes(disk.Bytes - disk.Held)}: checkpoints will not fit";
        }

        if (plan.Start.StoredDraftVocabulary is var tokens and > 0 && plan.Recipe.Generation.DraftCoverage is null)
        {
            yield return $"the draft vocabulary of {tokens} tokens in {plan.Recipe.Source} is not taken over: it was chosen by other rows; generation.draft_coverage chooses one by these";
        }

        if (plan.Start.Generation.ExitLayer is { } drafting && IsUntrained(plan, drafting))
        {
            yield return Untrained($"exit {drafting}, which is to draft (generation.exit_layer),");
        }

        foreach (var exit in plan.Recipe.Evaluation?.Exits.Where(exit => IsUntrained(plan, exit)) ?? [])
        {
            yield return Untrained($"exit {exit} (evaluation.exits)");
        }
    }

    private static string Untrained(string exit) =>
        $"{exit} has no loss in any step, so that nothing trains it; recipe.exit_scale with exit_weighting, or exit_weights, can give it one";

    private static bool IsUntrained(TrainingPlan plan, int exit)
    {
        var (recipe, layers, steps) = (plan.Options.Recipe, plan.Config.Layers, plan.Options.Steps);
        for (var step = 0L; step < steps; step++)
        {
            if (recipe.ExitWeightsAt(layers, step, steps)[exit - 1] > 0)
            {
                return false;
            }
        }

        return true;
    }
}
