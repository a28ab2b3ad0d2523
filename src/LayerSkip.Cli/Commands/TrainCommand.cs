using System.CommandLine;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Training;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip train</c>: trains by a recipe file, from scratch or from a checkpoint, and goes on where it was ended.</summary>
internal sealed class TrainCommand
{
    private const int PeakRuns = 5;

    private readonly Terminal _terminal;
    private readonly Option<string> _recipe = new("--recipe") { HelpName = "FILE", Description = "The recipe, a JSON file; docs/training.md describes its fields.", Required = true };
    private readonly Option<string?> _output = new("--output") { HelpName = "DIR", Description = "Where the run goes (default: the recipe's output)." };
    private readonly Option<string?> _from = new("--from") { HelpName = "DIR", Description = "The checkpoint to start from (default: the recipe's from, else random weights)." };
    private readonly Option<string?> _data = new("--data") { HelpName = "DIR", Description = "What the recipe's data files are relative to (default: the recipe's data_root)." };
    private readonly Option<int?> _threads = CheckedOption.Integer("--threads", "N", "Threads to compute with (default: the recipe's, else one for each processor).", 1, ModelArguments.MostThreads);
    private readonly Option<bool> _check = new("--check") { Description = "Read and check recipe and data, print what would run, and train nothing." };
    private readonly Option<bool> _adopt = new("--adopt") { Description = "Go on with a state that does not say by what recipe it was trained." };

    private TrainCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var train = new TrainCommand(terminal);
        var command = new Command("train", "Train a model by a recipe; a run that was ended goes on from its last checkpoint.")
        {
            train._recipe, train._output, train._from, train._data, train._threads, train._check, train._adopt,
        };
        command.SetAction(train.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var overrides = new RecipeOverrides(arguments.GetValue(_output), arguments.GetValue(_from), arguments.GetValue(_data), arguments.GetValue(_threads));
        var recipe = TrainingRecipeReader.Read(arguments.GetRequiredValue(_recipe), overrides);
        var plan = Loading.Run(_terminal, "Reading rows", (progress, cancellation) => TrainingPlan.Create(recipe, progress, cancellation));
        var (check, adopt) = (arguments.GetValue(_check), arguments.GetValue(_adopt));
        PlanText.Write(check ? _terminal.Out : _terminal.Error, plan, TrainingRun.FindSaved(plan, adopt));
        if (check)
        {
            return CommandLine.Success;
        }

        try
        {
            Train(plan, adopt);
        }
        catch (OutOfMemoryException)
        {
            throw new UsageException("not enough memory; 'layerskip train --check' says how much a run needs, and by a smaller tokens_per_batch it needs less");
        }

        return CommandLine.Success;
    }

    private void Train(TrainingPlan plan, bool adopt)
    {
        OutputFile.CheckParent("output", plan.Recipe.Output);
        using var directory = RunDirectory.Open(plan.Recipe.Output);

        // The best of a few: something else may run just now.
        var threads = plan.Options.Threads ?? Environment.ProcessorCount;
        double MeasurePeak() => Enumerable.Range(0, PeakRuns).Max(_ => FmaPeak.Measure(threads));
        TrainingDisplay.Run(_terminal, display =>
        {
            using var run = TrainingRun.Start(plan, directory, adopt, MeasurePeak, display.Show, display.Note);
            var isFinished = run.Step >= plan.Options.Steps;
            try
            {
                run.Run(_terminal.Interrupt.Command);
                display.Note($"{(isFinished ? $"had finished all its {run.Step} steps already" : $"trained {run.Step} steps")}; checkpoint and {RunDirectory.ReportName} stand in {directory.Path}");
                return run.Step;
            }
            catch (OperationCanceledException)
            {
                display.Note($"stopped and saved at step {run.Step} of {plan.Options.Steps}; the same command goes on from there");
                throw;
            }
        });
    }
}
