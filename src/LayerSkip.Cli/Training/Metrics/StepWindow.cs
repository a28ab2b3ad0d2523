using System.Globalization;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training.Metrics;

/// <summary>Sums over a few steps, for their means.</summary>
/// <param name="layers">L.</param>
internal sealed class StepWindow(int layers)
{
    private readonly double[] _losses = new double[layers];
    private readonly double[] _meanLosses = [.. Enumerable.Repeat(double.NaN, layers)];
    private readonly int[] _lossSteps = new int[layers];
    private readonly double[] _weights = new double[layers];
    private double _objective;
    private double _norm;
    private double _seconds;
    private long _tokens;
    private long _layerTokens;
    private long _operations;
    private StepReport? _last;

    /// <summary>Steps added since the last line.</summary>
    public int Steps { get; private set; }

    /// <summary>
    /// Mean loss of each exit over the steps since the last line in which it had one; before the first such step what it was before that line, NaN where it was
    /// nothing.
    /// </summary>
    public IReadOnlyList<double> MeanLosses => _meanLosses;

    /// <summary>Adds a step.</summary>
    /// <param name="report">What it did.</param>
    /// <param name="weights">What each exit counted for.</param>
    /// <param name="seconds">How long it took.</param>
    public void Add(StepReport report, IReadOnlyList<double> weights, double seconds)
    {
        for (var l = 0; l < layers; l++)
        {
            _weights[l] += weights[l];
            if (!double.IsNaN(report.ExitLosses[l]))
            {
                _losses[l] += report.ExitLosses[l];
                _lossSteps[l]++;
                _meanLosses[l] = _losses[l] / _lossSteps[l];
            }
        }

        _objective += report.Loss;
        _norm += report.GradientNorm;
        _seconds += seconds;
        _tokens += report.Rows;
        _layerTokens += report.LayerRows;
        _operations += report.Operations;
        _last = report;
        Steps++;
    }

    /// <summary>The means, and a new beginning. At least one step must have been added.</summary>
    public StepLine Take(double epoch, double maxDropout, long bytes, double fmaPeak)
    {
        var last = _last ?? throw new InvalidOperationException("no step was added");
        var deepest = Array.FindLastIndex(_lossSteps, static steps => steps > 0);
        var line = new StepLine(
            last.Step + 1,
            Math.Round(epoch, 4),
            Steps,
            _tokens,
            Math.Round(_seconds, 4),
            Rounded(_meanLosses[deepest]),
            Rounded(_objective / Steps),
            Exits(l => _lossSteps[l] > 0, l => _meanLosses[l]),
            Exits(_ => true, l => _weights[l] / Steps),
            last.LearningRate,
            Rounded(_norm / Steps),
            maxDropout,
            Rounded((double)_layerTokens / (_tokens * layers)),
            Math.Round(_operations / _seconds),
            bytes,
            Math.Round(fmaPeak));
        Array.Clear(_losses);
        Array.Clear(_lossSteps);
        Array.Clear(_weights);
        (_objective, _norm, _seconds, _tokens, _layerTokens, _operations, Steps) = (0, 0, 0, 0, 0, 0, 0);
        return line;
    }

    /// <summary>Numbers by exit, named by the layers that decide.</summary>
    public static IReadOnlyDictionary<string, double> ByExit(IReadOnlyList<double> values) =>
        values.Index().ToDictionary(value => (value.Index + 1).ToString(CultureInfo.InvariantCulture), value => Rounded(value.Item));

    private OrderedDictionary<string, double> Exits(Func<int, bool> chosen, Func<int, double> value) =>
        new(Enumerable.Range(0, layers).Where(chosen).Select(l => KeyValuePair.Create((l + 1).ToString(CultureInfo.InvariantCulture), Rounded(value(l)))));

    private static double Rounded(double value) => Math.Round(value, 6);
}
