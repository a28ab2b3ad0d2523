using System.Diagnostics;
using System.Globalization;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Training.Metrics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>Trains a plan to its end in a run's directory, from where the directory stands.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly TrainingPlan _plan;
    private readonly RunDirectory _directory;
    private readonly Trainer _trainer;
    private readonly MetricsFile _metrics;
    private readonly StepWindow _window;
    private readonly SequenceBatch _probe;
    private readonly Func<double> _measurePeak;
    private readonly Action<TrainingProgress> _show;
    private readonly Action<string> _note;
    private RunningMean _seconds;
    private RunningMean _tokens;
    private RunningMean _operations;
    private long _sequences;
    private long _savedStep;
    private long _evaluatedStep;
    private long _savedAt = Stopwatch.GetTimestamp();
    private double _fmaPeak;

    private TrainingRun(
        TrainingPlan plan, RunDirectory directory, Trainer trainer, MetricsFile metrics, Func<double> measurePeak, Action<TrainingProgress> show, Action<string> note)
    {
        (_plan, _directory, _trainer, _metrics, _measurePeak, _show, _note) = (plan, directory, trainer, metrics, measurePeak, show, note);
        _fmaPeak = measurePeak();
        _window = new StepWindow(plan.Config.Layers);
        _probe = new SequenceBatch([plan.Sets[0].Sequences[0]]);
        _savedStep = trainer.Step;
        _evaluatedStep = LastEvaluation(directory.MetricsPath);
    }

    /// <summary>Steps made.</summary>
    public long Step => _trainer.Step;

    /// <summary>Begins a run, or goes on with the one that the directory holds.</summary>
    /// <param name="plan">What to train.</param>
    /// <param name="directory">Where.</param>
    /// <param name="adopt">Take over a state that was saved without saying what run it is of.</param>
    /// <param name="measurePeak">Measures what the machine does, in floating-point operations a second: at the start and at every checkpoint, of which the best counts.</param>
    /// <param name="show">Told after every step.</param>
    /// <param name="note">Told what the user should know.</param>
    /// <exception cref="UsageException">The directory holds another run.</exception>
    /// <exception cref="CheckpointException">The state or the checkpoint to start from is damaged.</exception>
    public static TrainingRun Start(
        TrainingPlan plan, RunDirectory directory, bool adopt, Func<double> measurePeak, Action<TrainingProgress> show, Action<string> note)
    {
        var resumed = FindSaved(plan, adopt) is not null;
        var trainer = resumed ? Trainer.Resume(plan.Config, plan.Options, directory.StatePath) : CreateTrainer(plan);
        MetricsFile? metrics = null;
        try
        {
            directory.TakeTokenizer(plan.Recipe.Source);
            metrics = MetricsFile.Open(directory.MetricsPath, resumed ? trainer.Step : null);
            return new TrainingRun(plan, directory, trainer, metrics, measurePeak, show, note);
        }
        catch
        {
            metrics?.Dispose();
            trainer.Dispose();
            throw;
        }
    }

    /// <summary>What the plan's output holds of its run.</summary>
    /// <param name="plan">What to train.</param>
    /// <param name="adopt">Take over a state that was saved without saying what run it is of.</param>
    /// <returns>The saved run; null where there is none.</returns>
    /// <exception cref="UsageException">The output holds another run, or a checkpoint that is no run's.</exception>
    /// <exception cref="CheckpointException">The state is damaged.</exception>
    public static SavedRun? FindSaved(TrainingPlan plan, bool adopt)
    {
        var path = Path.Combine(plan.Recipe.Output, RunDirectory.StateName);
        if (!File.Exists(path))
        {
            RunDirectory.CheckFree(plan.Recipe.Output);
            return null;
        }

        var saved = SavedRun.Read(path);
        if (saved.Description is null)
        {
            return adopt
                ? saved
                : throw new UsageException($"{path}: does not say what recipe it was trained by; if it was {plan.Recipe.File}, --adopt goes on with it");
        }

        var differences = plan.Description.DifferencesFrom(RunDescription.Parse(saved.Description, path));
        if (differences.Count == 0)
        {
            return saved;
        }

        // Schedules are laid over all steps: more of them make another run.
        var longer = differences.Any(difference => difference.StartsWith("steps ", StringComparison.Ordinal))
            ? "; to train its model further, give another recipe \"from\", the checkpoint to start from"
            : "";
        throw new UsageException(
            $"{plan.Recipe.Output}: holds a run that {plan.Recipe.File} does not continue: {string.Join("; ", differences)}; train into another output, or delete this one to begin anew{longer}");
    }

    /// <summary>Trains to the end, or until it is stopped; either way the run is saved.</summary>
    /// <param name="stop">Stops it after the running step.</param>
    /// <exception cref="OperationCanceledException">It was stopped, and saved.</exception>
    /// <exception cref="UsageException">It diverged, or the last checkpoint could not be written; the message says what the last good one is of.</exception>
    public void Run(CancellationToken stop)
    {
        try
        {
            try
            {
                WriteStart();
                RunSteps(stop);
            }
            catch (OperationCanceledException)
            {
                SaveOrFail();
                WriteReport(goesOn: false);
                throw;
            }
        }
        catch (TrainingDivergedException e)
        {
            // Under another rate the directory's run is not resumed: it would be another.
            throw new UsageException(_savedStep > 0
                ? $"{e.Message}: the checkpoint of step {_savedStep} stands in {_directory.Path}; a recipe with that as \"from\", another \"output\" and a lower learning_rate trains it further"
                : $"{e.Message}; no checkpoint was written");
        }
    }

    public void Dispose()
    {
        _metrics.Dispose();
        _trainer.Dispose();
    }

    private static Trainer CreateTrainer(TrainingPlan plan)
    {
        if (plan.Recipe.Shape is not null)
        {
            return Trainer.FromScratch(plan.Config, plan.Options);
        }

        using var checkpoint = Checkpoint.Open(plan.Recipe.Source);
        return Trainer.FromWeights(plan.Config, checkpoint.Weights, plan.Options);
    }

    private void RunSteps(CancellationToken stop)
    {
        var number = 0L;
        foreach (var step in _plan.Data.From(0))
        {
            if (number++ < _trainer.Step)
            {
                _sequences += step.Count;
                continue;
            }

            if (_trainer.Step >= _plan.Options.Steps)
            {
                break;
            }

            // Of the step before, behind its checkpoint; a run that was stopped within an evaluation goes on with it.
            EvaluateIfDue(stop);
            stop.ThrowIfCancellationRequested();
            MakeStep(step);
            CheckpointIfDue();
        }

        SaveOrFail();
        EvaluateIfDue(stop);
        WriteReport();
    }

    private void MakeStep(IReadOnlyList<TrainingSequence> sequences)
    {
        var start = Stopwatch.GetTimestamp();
        var (recipe, layers, steps) = (_plan.Options.Recipe, _plan.Config.Layers, _plan.Options.Steps);
        var weights = recipe.ExitWeightsAt(layers, _trainer.Step, steps);
        var report = _trainer.MakeStep(_plan.Batches(sequences));
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        _sequences += sequences.Count;
        _window.Add(report, weights, seconds);
        _seconds.Add(seconds);
        _tokens.Add(report.Rows);
        _operations.Add(report.Operations);
        if (_trainer.Step % _plan.Recipe.MetricsEverySteps == 0 || _trainer.Step == steps)
        {
            WriteSteps();
        }

        _show(new TrainingProgress
        {
            Step = _trainer.Step,
            Steps = steps,
            Epoch = Epoch,
            Losses = [.. _window.MeanLosses],
            LearningRate = report.LearningRate,
            GradientNorm = report.GradientNorm,
            MaxDropout = DropoutOf(report.Step),
            TokensPerSecond = _tokens.Value / _seconds.Value,
            FlopsPerSecond = _operations.Value / _seconds.Value,
            PeakShare = _operations.Value / _seconds.Value / _fmaPeak,
            Bytes = _trainer.Bytes,
            ProcessBytes = Environment.WorkingSet,
            Remaining = TimeSpan.FromSeconds((steps - _trainer.Step) * _seconds.Value),
        });
    }

    /// <summary>How likely the deepest layer that runs is dropped in a step.</summary>
    private double DropoutOf(long step)
    {
        var (recipe, layers, steps) = (_plan.Options.Recipe, _plan.Config.Layers, _plan.Options.Steps);
        return recipe.DropoutAt(recipe.DepthAt(layers, step, steps) - 1, layers, step, steps);
    }

    private double Epoch => (double)_sequences / _plan.Data.SequencesPerEpoch;

    private void EvaluateIfDue(CancellationToken stop)
    {
        if (_plan.Evaluation is not { } evaluation || _trainer.Step == 0 || _evaluatedStep == _trainer.Step
            || (_trainer.Step % _plan.Recipe.Evaluation!.EverySteps != 0 && _trainer.Step != _plan.Options.Steps))
        {
            return;
        }

        CheckFinite();
        try
        {
            Evaluate(evaluation, stop);
        }
        catch (OutOfMemoryException)
        {
            // Evaluating changes nothing, so what was trained is whole.
            SaveOrFail();
            WriteReport(goesOn: false);
            throw new UsageException($"step {_trainer.Step}: not enough memory to evaluate; the run is saved; 'layerskip train --check' says how much it needs");
        }
    }

    private void Evaluate(EvaluationSet evaluation, CancellationToken stop)
    {
        var scores = evaluation.Evaluate(_trainer, stop);
        _evaluatedStep = _trainer.Step;
        var exact = scores.ExactMatch.OrderBy(exit => exit.Key)
            .Select(exit => KeyValuePair.Create(exit.Key.ToString(CultureInfo.InvariantCulture), Math.Round(exit.Value, 6)));
        var line = new EvaluationLine(
            _trainer.Step, Math.Round(Epoch, 4), evaluation.Rows, new OrderedDictionary<string, double>(exact), StepWindow.ByExit(scores.Losses));
        Report(_metrics.Append(line, ReportJson.Instance.EvaluationLine));
        _note(FormattableString.Invariant($"step {_trainer.Step}: {scores.Describe()}"));
    }

    private void CheckpointIfDue()
    {
        var rule = _plan.Recipe.Checkpoint;
        if (_trainer.Step < _plan.Options.Steps && (_trainer.Step % rule.EverySteps == 0 || Stopwatch.GetElapsedTime(_savedAt) >= rule.Every))
        {
            if (Save() is { } problem)
            {
                _note($"layerskip: the checkpoint of step {_trainer.Step} could not be written: {problem}; {LastGood()}; training goes on and tries again at the next");
            }

            // Something else may have slowed the machine down at the start.
            _fmaPeak = Math.Max(_fmaPeak, _measurePeak());
            WriteReport();
        }
    }

    /// <summary>Saves at the end, where there is no next time.</summary>
    private void SaveOrFail()
    {
        if (Save() is { } problem)
        {
            throw new UsageException($"the checkpoint of step {_trainer.Step} could not be written: {problem}; {LastGood()}");
        }
    }

    /// <summary>Writes a checkpoint.</summary>
    /// <returns>Why it could not be written; null where it was.</returns>
    /// <exception cref="TrainingDivergedException">The model has diverged: the last checkpoint is better.</exception>
    private string? Save()
    {
        _savedAt = Stopwatch.GetTimestamp();
        CheckFinite();
        if (_window.Steps > 0)
        {
            WriteSteps();
        }

        try
        {
            _directory.SaveState(_trainer, _plan);
            _savedStep = _trainer.Step;
            _directory.SaveModel(_trainer, _plan);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    /// <summary>The last step's update may have spoilt weights that still gave finite numbers before it.</summary>
    /// <exception cref="TrainingDivergedException">It has.</exception>
    private void CheckFinite()
    {
        var norm = _trainer.GradientNorm(_probe);
        if (!double.IsFinite(norm))
        {
            throw new TrainingDivergedException(
                _trainer.Step, $"step {_trainer.Step - 1}: after it the gradient's length is {norm}, expected a finite number; a lower learning rate may help");
        }
    }

    private string LastGood() =>
        _savedStep == 0 ? "there is none yet"
        : _savedStep == _trainer.Step ? "its state is saved, its model is not"
        : $"the last good one is of step {_savedStep}";

    private void WriteStart()
    {
        var (recipe, options) = (_plan.Recipe, _plan.Options);
        Report(_metrics.Append(
            new RunLine(
                Path.GetFileName(_directory.Path),
                recipe.Shape is null ? Path.GetFileName(recipe.Source) : "random weights",
                _trainer.Parameters,
                _plan.Config.Layers,
                _trainer.Step,
                options.Steps,
                Math.Round(recipe.Epochs ?? EpochsOf(options.Steps), 4),
                _plan.Data.SequencesPerEpoch,
                recipe.TokensPerStep,
                options.Seed,
                options.Recipe.MaxDropout,
                options.Recipe.DropoutSchedule.ToString(),
                options.Recipe.Curriculum.ToString(),
                options.Optimizer.LearningRate,
                options.LabelSmoothing,
                options.ActivationDropout,
                _plan.Start.Generation.ExitLayer,
                options.Threads ?? Environment.ProcessorCount,
                Math.Round(_fmaPeak),
                System.Runtime.InteropServices.RuntimeInformation.OSDescription,
                DateTimeOffset.UtcNow),
            ReportJson.Instance.RunLine));
    }

    /// <summary>Epochs of so many steps, as far as rows are alike.</summary>
    private double EpochsOf(long steps)
    {
        var tokens = _plan.Sets.Sum(set => set.Source.Share * (set.Tokens - set.Sequences.Count));
        return steps * (double)_plan.Recipe.TokensPerStep / tokens;
    }

    private void WriteSteps() =>
        Report(_metrics.Append(_window.Take(Epoch, DropoutOf(_trainer.Step - 1), _trainer.Bytes, _fmaPeak), ReportJson.Instance.StepLine));

    private void WriteReport(bool goesOn = true)
    {
        try
        {
            RunReport.Write(_directory.Path, _directory.ReportPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or UsageException or OutOfMemoryException)
        {
            Report(e.Message, goesOn);
        }
    }

    /// <summary>The step of the last evaluation that the metrics tell of; -1 where they do not. Metrics that cannot be read are no reason not to train.</summary>
    private static long LastEvaluation(string metrics)
    {
        try
        {
            return RunHistory.Read(metrics).Evaluations is [.., var last] ? last.Step : -1;
        }
        catch (UsageException)
        {
            return -1;
        }
    }

    private void Report(string? problem, bool goesOn = true)
    {
        if (problem is not null)
        {
            _note($"layerskip: metrics and report could not be written: {problem}{(goesOn ? "; training goes on" : "")}");
        }
    }
}
