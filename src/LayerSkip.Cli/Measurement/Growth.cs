using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Measurement;

/// <summary>Measures how a step's time grows with the context and with the rows of a pass.</summary>
/// <param name="model">The model.</param>
/// <param name="tokens">Token ids to fill the context with, again and again; at least one.</param>
internal sealed class Growth(LayerSkipModel model, IReadOnlyList<int> tokens)
{
    private const int PrefillRows = 256;

    private readonly IDeviceModel _steps = model.Steps;
    private readonly int _layers = model.Config.Layers;

    /// <summary>Measures.</summary>
    /// <param name="contexts">Tokens that a step attends to, ascending, at most the model's context.</param>
    /// <param name="rows">Rows of a pass, ascending, at most the model's context.</param>
    /// <param name="rowsContext">Tokens before those of a pass whose rows are varied; fewer where the model's context has no room for them.</param>
    /// <param name="seconds">About how long to take, filling the context aside.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public GrowthReport Run(IReadOnlyList<int> contexts, IReadOnlyList<int> rows, int rowsContext, double seconds, CancellationToken cancellationToken)
    {
        var mostRows = rows.Count > 0 ? rows[^1] : 1;
        rowsContext = Math.Min(rowsContext, model.Config.MaxPositions - mostRows);
        using var cache = _steps.CreateCache();
        cache.Continue(_layers, 0);
        using var buffer = _steps.CreateRows(Math.Max(mostRows, PrefillRows));
        buffer.Begin(tokens.Count);
        Fill(cache, buffer, Math.Max(rowsContext, contexts.Count > 0 ? contexts[^1] - 1 : 0), cancellationToken);

        var best = new int[mostRows];
        var inputs = Tokens(0, mostRows);
        var timer = new InterleavedTimer();
        Func<Spread> Time(int position, int count) => timer.Add(() =>
        {
            buffer.Place(0, count, cache, position);
            _steps.Embed(buffer, 0, inputs.AsSpan(0, count));
            _steps.RunLayers(buffer, 0, count, 0, _layers, cancellationToken);
            _steps.ArgMax(buffer, 0, best.AsSpan(0, count));
        });
        var steps = contexts.Select(context => Time(context - 1, 1)).ToArray();
        var passes = rows.Select(count => Time(rowsContext, count)).ToArray();
        timer.Run(seconds, cancellationToken);

        var rowTimes = passes.Select(pass => Milliseconds(pass())).ToArray();
        return new GrowthReport(
            [.. contexts.Zip(steps, (context, step) => new ContextReport(context, Milliseconds(step())))],
            rowsContext,
            [.. rows.Zip(rowTimes, (count, time) => new RowsReport(count, time, time.Median / rowTimes[0].Median))]);
    }

    private void Fill(KvCache cache, RowBuffer buffer, int positions, CancellationToken cancellationToken)
    {
        for (var start = 0; start < positions;)
        {
            var count = Math.Min(PrefillRows, positions - start);
            buffer.Place(0, count, cache, start);
            _steps.Embed(buffer, 0, Tokens(start, count));
            _steps.RunLayers(buffer, 0, count, 0, _layers, cancellationToken);
            start += count;
            cache.Length = start;
        }
    }

    private int[] Tokens(int start, int count) => [.. Enumerable.Range(start, count).Select(index => tokens[index % tokens.Count])];

    private static Spread Milliseconds(Spread seconds) => new(1000 * seconds.Median, 1000 * seconds.Min, 1000 * seconds.Max);
}
