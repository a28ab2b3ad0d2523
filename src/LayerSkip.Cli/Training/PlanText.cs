using LayerSkip.Cli.Reports;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>What a plan would run, in a few lines.</summary>
internal static class PlanText
{
    /// <summary>Writes them.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="saved">What there is of the run already; null for nothing.</param>
    public static void Write(TextWriter output, TrainingPlan plan, SavedRun? saved)
    {
        var (recipe, config) = (plan.Recipe, plan.Config);
        static string Many(long count, string thing) => FormattableString.Invariant($"{count:N0} {thing}{(count == 1 ? "" : "s")}");
        void Line(string name, FormattableString value) => output.WriteLine(VisibleText.Line($"{name,-12}{FormattableString.Invariant(value)}"));

        Line("model", $"{plan.Parameters:N0} parameters: {config.Layers} layers, hidden {config.HiddenSize}, MLP {config.IntermediateSize}, {config.AttentionHeads} heads ({config.KeyValueHeads} for keys and values), vocabulary {config.VocabularySize:N0}, context {config.MaxPositions:N0}");
        Line("start", $"{(recipe.Shape is null ? $"the weights of {recipe.Source}" : $"random weights, tokenizer of {recipe.Source}")}");
        foreach (var set in plan.Sets)
        {
            var count = set.Sequences.Count;
            var targets = set.Sequences.Average(sequence => (double)sequence.Tokens.Count - Math.Max(1, sequence.PromptLength));
            Line("data", $"{string.Join(", ", set.Source.Files.Select(Path.GetFileName))}: {Many(set.Rows, "row")}, {(double)set.Tokens / count:0.0} tokens each, {targets:0.0} of them learnt{(set.Source.PromptWeight > 0 ? FormattableString.Invariant($", the prompt's counting {set.Source.PromptWeight} each") : "")}{(set.Source.Share < 1 ? FormattableString.Invariant($"; {set.Source.Share:P0} of them an epoch") : "")}{(set.Skipped > 0 ? FormattableString.Invariant($"; {set.Skipped:N0} rows left out: too long") : "")}");
        }

        Line("steps", $"{plan.Options.Steps:N0} of {recipe.TokensPerStep:N0} tokens, {Many(plan.Data.SequencesPerEpoch, "sequence")} an epoch");
        if (plan.Evaluation is { } evaluation)
        {
            Line("evaluation", $"{Many(evaluation.Rows, "row")} every {Many(recipe.Evaluation!.EverySteps, "step")}, at full depth{string.Concat(recipe.Evaluation.Exits.Select(exit => $", exit {exit}"))}{(evaluation.Skipped > 0 ? FormattableString.Invariant($"; {Many(evaluation.Skipped, "row")} left out: too long") : "")}");
        }

        var evaluating = plan.Evaluation?.EstimateBytes(config) ?? 0;
        Line("memory", $"about {Quantity.Bytes(Trainer.EstimateBytes(config, plan.LargestBatchTokens) + evaluating)}: {Quantity.Bytes(16.0 * plan.Parameters)} for weights, gradients and optimizer, {(evaluating > 0 ? $"{Quantity.Bytes(evaluating)} to evaluate, " : "")}the rest for a batch of {plan.LargestBatchTokens:N0} tokens");
        var disk = DiskNeed.Of(plan);
        Line("disk", $"about {Quantity.Bytes(disk.Bytes)} while a checkpoint is written{(disk.Free is { } free ? $", {Quantity.Bytes(free)} are free" : "")}");
        foreach (var note in PlanNotes.Of(plan, disk))
        {
            Line("note", $"{note}");
        }

        Line("output", $"{recipe.Output}{(saved is null ? "" : FormattableString.Invariant($", from step {saved.Step:N0} on"))}");
    }
}
