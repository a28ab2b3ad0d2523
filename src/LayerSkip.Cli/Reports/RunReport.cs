using System.Globalization;
using System.Xml.Linq;
using LayerSkip.Cli.Reports.Plots;
using LayerSkip.Cli.Training;
using LayerSkip.Cli.Training.Metrics;

namespace LayerSkip.Cli.Reports;

/// <summary>A training run as one HTML page: pictures inline, nothing to load, nothing to run.</summary>
internal static class RunReport
{
    private const int MostExits = 8;
    private const int HeatColumns = 60;

    /// <summary>Writes the report of a run, in place of an earlier one.</summary>
    /// <param name="directory">The run's directory.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="UsageException">The directory holds no metrics, or damaged ones.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string directory, string path)
    {
        var history = RunHistory.Read(RunDirectory.MetricsOf(directory));
        if (history.Starts.Count == 0)
        {
            throw new UsageException($"{RunDirectory.MetricsOf(directory)}: holds no line of type run");
        }

        Page.Write(path, Create(history));
    }

    /// <summary>The page.</summary>
    /// <param name="history">With at least one start.</param>
    public static string Create(RunHistory history)
    {
        return Page.Create(
            $"Training of {history.Starts[^1].Model}",
            Svg.Text("p", Progress(history), ("class", "note")),
            Facts(history),
            Charts(history),
            Evaluations(history));
    }

    private static string Progress(RunHistory history)
    {
        var (run, last) = (history.Starts[^1], history.Steps is [.., var made] ? made : null);
        return last is null
            ? "No step has been made yet."
            : FormattableString.Invariant($"Step {last.Step:N0} of {run.Steps:N0}, epoch {last.Epoch:0.00} of {Math.Max(run.Epochs, last.Epoch):0.##}; {TrainingDisplay.Duration(TimeSpan.FromSeconds(Seconds(history)))} of training steps.");
    }

    private static double Seconds(RunHistory history) => Math.Min(history.Steps.Sum(step => step.Seconds), TimeSpan.MaxValue.TotalSeconds / 2);

    private static XElement Facts(RunHistory history)
    {
        var run = history.Starts[^1];
        var facts = new List<(string Name, string Value)>();
        void Add(string name, FormattableString value) => facts.Add((name, FormattableString.Invariant(value)));
        Add("parameters", $"{run.Parameters:N0} in {run.Layers} layers");
        Add("started from", $"{run.Start}");
        Add("data", $"{run.SequencesPerEpoch:N0} sequences an epoch, {run.TokensPerStep:N0} tokens a step");
        Add("recipe", $"layer dropout up to {run.MaxDropout:0.###} ({Lower(run.DropoutSchedule)}), exit curriculum: {Lower(run.Curriculum)}, label smoothing {run.LabelSmoothing:0.###}, activation dropout {run.ActivationDropout:0.###}");
        Add("optimizer", $"AdamW, learning rate {run.LearningRate:0.###e0}, seed {run.Seed}");
        if (history.Steps is [.., var last])
        {
            var seconds = Seconds(history);
            var flops = history.Steps.Sum(step => step.FlopsPerSecond * step.Seconds) / Math.Max(seconds, 1e-9);
            Add("speed", $"{history.Steps.Sum(step => step.Tokens) / Math.Max(seconds, 1e-9):N0} tokens/s, {Quantity.Count(flops)}FLOPS: {flops / Math.Max(run.FmaFlopsPerSecond, last.FmaFlopsPerSecond ?? 0):P0} of FMA peak");
            Add("layers computed", $"{history.Steps.Sum(step => step.LayerTokensShare * step.Tokens) / Math.Max(1, history.Steps.Sum(step => step.Tokens)):P1}; layer dropout, or growth, saved the rest");
            Add("memory of training", $"{Quantity.Bytes(last.Bytes)}");
            Add("training loss", $"{last.Loss:0.0000} nats");
        }

        Add("machine", $"{run.Threads} {(run.Threads == 1 ? "thread" : "threads")}; {run.Machine}");
        Add("started", $"{string.Join(", ", history.Starts.TakeLast(5).Select(start => $"{start.Time.UtcDateTime:yyyy-MM-dd HH:mm} UTC at step {start.Step}"))}");
        return Page.Facts(facts);
    }

    private static IEnumerable<XElement?> Charts(RunHistory history)
    {
        var run = history.Starts[^1];
        double steps = run.Steps;
        LineChart Lines(string id, string title, string yLabel, params IReadOnlyList<Series> series) =>
            new() { Id = id, Title = title, YLabel = yLabel, Series = series, XMax = steps };
        IReadOnlyList<Series> OneLine(string name, Func<StepLine, double> value) =>
            [new(name, 5, [.. history.Steps.Select(step => ((double)step.Step, value(step)))], Strong: true)];

        int[] evaluated = history.Evaluations is [.., var newest] ? [.. Exits(newest.ExactMatch, run.Layers).Select(exit => exit.Exit)] : [];
        Series[] ByExit<T>(IEnumerable<T> lines, Func<T, long> step, Func<T, IReadOnlyDictionary<string, double>> values) =>
            RunReport.ByExit(run.Layers, evaluated, lines.Select(line => (step(line), values(line))));
        yield return (Lines("loss", "Training loss by exit", "loss, nats a token", ByExit(history.Steps, step => step.Step, step => step.ExitLosses)) with { Logarithmic = true }).Draw();
        yield return (Lines("evaluation-loss", "Evaluation loss by exit", "loss, nats a token", ByExit(history.Evaluations, line => line.Step, line => line.Losses)) with { Logarithmic = true, Marked = true }).Draw();
        yield return (Lines("exact-match", "Exact match over time", "exact match, %", ByExit(history.Evaluations, line => line.Step, line => Percent(line.ExactMatch))) with { YMax = 100, Marked = true }).Draw();
        if (history.Evaluations is [.., var last])
        {
            var exits = Exits(last.ExactMatch, run.Layers).ToArray();
            yield return new BarChart(
                "exact-match-by-exit",
                FormattableString.Invariant($"Exact match by exit layer after step {last.Step:N0}"),
                FormattableString.Invariant($"exact match on {last.Rows:N0} rows, %"),
                [.. exits.Select((exit, index) => (Name(exit.Exit, run.Layers), exit.Value, Series.ColourOf(index, exits.Length)))]).Draw();
        }

        yield return Weights(history, run).Draw();
        yield return Lines("dropout", "Layer dropout of the deepest layer that runs", "probability", OneLine("dropout", step => step.MaxDropoutNow)).Draw();
        yield return Lines("learning-rate", "Learning rate", "learning rate", OneLine("learning rate", step => step.LearningRate)).Draw();
        yield return (Lines("gradient-norm", "Gradient norm before clipping", "norm", OneLine("gradient norm", step => step.GradientNorm)) with { Logarithmic = true }).Draw();
    }

    /// <summary>A line for each exit, or for as many as can be told apart: those that are evaluated, and others evenly between.</summary>
    private static Series[] ByExit(int layers, int[] evaluated, IEnumerable<(long Step, IReadOnlyDictionary<string, double> Values)> lines)
    {
        var points = new SortedDictionary<int, List<(double X, double Y)>>();
        foreach (var (step, values) in lines)
        {
            foreach (var (exit, value) in Exits(values, layers))
            {
                if (!points.TryGetValue(exit, out var line))
                {
                    points[exit] = line = [];
                }

                line.Add((step, value));
            }
        }

        var chosen = Choose([.. points.Keys], evaluated);
        return [.. chosen.Select((exit, index) => new Series(Name(exit, layers), Series.ColourOf(index, chosen.Length), points[exit], exit == layers))];
    }

    /// <summary>The exits wanted, filled up with those that are farthest from the ones there are.</summary>
    private static int[] Choose(int[] exits, int[] wanted)
    {
        var chosen = wanted.Intersect(exits).Take(MostExits).ToList();
        while (chosen.Count < Math.Min(MostExits, exits.Length))
        {
            chosen.Add(exits.Except(chosen).MaxBy(exit => chosen.Count == 0 ? exit : chosen.Min(other => Math.Abs(exit - other))));
        }

        return [.. chosen.Order()];
    }

    /// <summary>What each exit counted for, over time: means over as many columns as fit.</summary>
    private static HeatMap Weights(RunHistory history, RunLine run)
    {
        var size = Math.Max(1, (history.Steps.Count + HeatColumns - 1) / HeatColumns);
        var columns = history.Steps.Chunk(size).ToArray();
        var rows = Enumerable.Range(1, Math.Min(run.Layers, 1024)).Reverse().Select(exit =>
        {
            var name = exit.ToString(CultureInfo.InvariantCulture);
            double Mean(StepLine[] column) => column.Sum(step => Math.Clamp(step.ExitWeights.GetValueOrDefault(name), 0, 1) * step.Steps) / Math.Max(1, column.Sum(step => (double)step.Steps));
            return (Name(exit, run.Layers), (IReadOnlyList<double>)[.. columns.Select(Mean)]);
        });
        return new HeatMap("exit-weights", "Exit weights: what each exit counted for in the loss", [.. rows], history.Steps is [.., var last] ? last.Step : 0);
    }

    private static XElement? Evaluations(RunHistory history)
    {
        if (history.Evaluations.Count == 0)
        {
            return null;
        }

        var layers = history.Starts[^1].Layers;
        var exits = history.Evaluations.SelectMany(line => Exits(line.ExactMatch, layers)).Select(exit => exit.Exit).Distinct().Order().Take(64).ToArray();
        var rows = history.Evaluations.TakeLast(40).Select(IReadOnlyList<string> (line) =>
        {
            var values = Exits(line.ExactMatch, layers).ToDictionary(exit => exit.Exit, exit => exit.Value);
            return
            [
                line.Step.ToString("N0", CultureInfo.InvariantCulture),
                .. exits.Select(exit => values.TryGetValue(exit, out var value) ? FormattableString.Invariant($"{100 * value:0.0} %") : "–"),
            ];
        });
        return Svg.Figure("Exact match in numbers", Page.Numbers(["step", .. exits.Select(exit => Name(exit, layers))], rows));
    }

    private static Dictionary<string, double> Percent(IReadOnlyDictionary<string, double> shares) => shares.ToDictionary(share => share.Key, share => 100 * share.Value);

    /// <summary>Values by exit, ascending; names that are no exit of the model are left out.</summary>
    private static IEnumerable<(int Exit, double Value)> Exits(IReadOnlyDictionary<string, double> values, int layers) =>
        values.Select(value => (Exit: int.TryParse(value.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var exit) ? exit : 0, value.Value))
            .Where(exit => exit.Exit >= 1 && exit.Exit <= layers)
            .OrderBy(exit => exit.Exit);

    private static string Name(int exit, int layers) => exit == layers ? "full depth" : FormattableString.Invariant($"exit {exit}");

    private static string Lower(string word) => word.ToLowerInvariant();
}
