using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>Measures a model in one process, everything interleaved: a busy machine slows all of it alike, and ratios stay honest.</summary>
internal sealed class Bench(LayerSkipModel model, BenchSettings settings)
{
    private const double WarmUpSeconds = 0.5;
    private const double GrowthSecondsPerRun = 1;

    private readonly ModePair _pair = new(
        model, settings.Draft, settings.MaxTokens, settings.IgnoreEndOfSequence);

    private readonly long _loadedBytes = model.WeightBytes;
    private readonly List<ModeRun> _autoregressive = [];
    private readonly List<ModeRun> _speculative = [];
    private readonly List<double> _prefillSeconds = [];
    private readonly List<double?> _bandwidths = []; // of a run: before its decoding and after, the mean
    private double? _flops;
    private AllocationMeter _allocations = new();
    private GrowthReport? _growth;
    private IReadOnlyList<RequestsReport> _requests = [];

    /// <summary>The autoregressive runs.</summary>
    public IReadOnlyList<ModeRun> Autoregressive => _autoregressive;

    /// <summary>The self-speculative runs.</summary>
    public IReadOnlyList<ModeRun> Speculative => _speculative;

    /// <summary>Runs all of it.</summary>
    /// <param name="cancellationToken">Ends it between layers.</param>
    public BenchReport Run(CancellationToken cancellationToken)
    {
        using var limits = new MachineLimits(model, settings.Threads);
        WarmUp(cancellationToken);
        for (var run = 0; run < settings.Runs; run++)
        {
            var before = Measure(limits);
            Decode(run, cancellationToken);
            var after = Measure(limits);
            Prefill(cancellationToken);
            _bandwidths.Add((before + after) / 2);
        }

        if (settings.Contexts.Count + settings.Rows.Count > 0)
        {
            _growth = new Growth(model, settings.PrefillPrompt).Run(
                settings.Contexts, settings.Rows, settings.RowsContext, GrowthSecondsPerRun * settings.Runs, cancellationToken);
        }

        if (settings.Requests.Count > 0)
        {
            _requests = new Throughput(model, settings.RequestPrompts, _pair).Run(settings.Requests, settings.Runs, cancellationToken);
        }

        return Report();
    }

    /// <summary>Measures the machine; what it does at best is kept.</summary>
    /// <returns>Bytes a second at the moment.</returns>
    private double? Measure(MachineLimits limits)
    {
        var (bandwidth, flops) = limits.Measure();
        if (_flops is null || flops > _flops)
        {
            _flops = flops;
        }

        return bandwidth;
    }

    private void WarmUp(CancellationToken cancellationToken)
    {
        double seconds = 0;
        do
        {
            Decode(run: 0, cancellationToken);
            Prefill(cancellationToken);
            seconds += _autoregressive[^1].Seconds + _speculative[^1].Seconds + _prefillSeconds[^1];
        }
        while (seconds < WarmUpSeconds);

        _autoregressive.Clear();
        _speculative.Clear();
        _prefillSeconds.Clear();
        _allocations = new AllocationMeter();
    }

    private void Decode(int run, CancellationToken cancellationToken)
    {
        var (autoregressive, speculative) = _pair.Run(settings.Prompts, run, _allocations, cancellationToken);
        _autoregressive.Add(autoregressive);
        _speculative.Add(speculative);
    }

    private void Prefill(CancellationToken cancellationToken)
    {
        using var generation = model.Generate(
            settings.PrefillPrompt, new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 1 });
        while (generation.NextRound(cancellationToken))
        {
        }

        _prefillSeconds.Add(generation.Statistics.PrefillTime.TotalSeconds);
    }

    private BenchReport Report()
    {
        var decode = Spread.OfMeasured(_autoregressive.Select(run => run.DecodeTokensPerSecond));
        var speculativeDecode = Spread.OfMeasured(_speculative.Select(run => run.DecodeTokensPerSecond));
        var prefill = Spread.Of(_prefillSeconds.Select(seconds => settings.PrefillPrompt.Length / seconds));
        var pairs = _autoregressive.Zip(_speculative).ToArray();
        var speedup = Spread.Of(pairs.Select(pair => pair.First.Seconds / pair.Second.Seconds));
        double?[] decodeSpeedups = [.. pairs.Select(pair => pair.Second.DecodeTokensPerSecond / pair.First.DecodeTokensPerSecond)];
        var decodeSpeedup = Spread.OfMeasured(decodeSpeedups);

        var plan = model.Plan(settings.Draft with { Mode = DecodingMode.SelfSpeculative });
        var drafts = ModeRun.Total(_speculative);
        var weightBytes = model.BytesRead(0, model.Config.Layers, head: true);
        var kvBytes = ModelSize.KvBytesPerToken(model.Config) * _autoregressive[0].MeanContext;
        var share = Spread.OfMeasured(_autoregressive.Zip(_bandwidths, (run, bandwidth) => (weightBytes + kvBytes) * run.DecodeTokensPerSecond / bandwidth));
        return new BenchReport
        {
            Model = model.Name,
            WeightFormat = model.WeightFormat.ToString().ToLowerInvariant(),
            Machine = MachineReport.Of(model.Device),
            Runs = settings.Runs,
            Prompts = settings.Prompts.Count,
            MaxTokens = settings.MaxTokens,
            PrefillTokens = settings.PrefillPrompt.Length,
            Controller = plan.Controller.ToString().ToLowerInvariant(),
            ExitLayer = plan.ExitLayer,
            NumSpeculations = plan.NumSpeculations,
            DraftWeights = (model.Steps.DraftsBy(plan.DraftWeights) ? plan.DraftWeights : DraftWeights.Exact).ToString().ToLowerInvariant(),
            DecodeTokensPerSecond = decode?.Median,
            SelfSpeculativeDecodeTokensPerSecond = speculativeDecode?.Median,
            PrefillTokensPerSecond = prefill.Median,
            Speedup = speedup.Median,
            SpeedupDecode = decodeSpeedup?.Median,
            DecodeRuns = decodeSpeedups.Count(speedup => speedup is not null),
            AcceptanceRate = drafts.AcceptanceRate,
            TokensPerRound = drafts.TokensPerRound,
            Identical = pairs.All(pair => pair.First.Outputs.Zip(pair.Second.Outputs).All(outputs => outputs.First.AsSpan().SequenceEqual(outputs.Second))),
            WeightBytesPerToken = weightBytes,
            DraftWeightBytes = model.WeightBytes - _loadedBytes,
            KvBytesPerToken = kvBytes,
            BandwidthBytesPerSecond = Spread.OfMeasured(_bandwidths)?.Median,
            BandwidthShare = share?.Median,
            FmaFlopsPerSecond = _flops,
            FmaShare = PrefillFlops() * prefill.Median / settings.PrefillPrompt.Length / _flops,
            MeanExitLayer = drafts.MeanExitLayer,
            AcceptedPerRound = Histogram(drafts.AcceptedPerRound),
            Latency = new(LatencyReport.Of(_autoregressive), LatencyReport.Of(_speculative)),
            Growth = _growth,
            Requests = _requests,
            AllocatedBytesPerToken = _allocations.BytesPerToken,
            Spread = new(decode, speculativeDecode, prefill, speedup, decodeSpeedup, share),
        };
    }

    /// <summary>Up to the largest number that there was.</summary>
    private static int[] Histogram(IReadOnlyList<int> rounds) => [.. rounds.Take(rounds.Index().Last(entry => entry.Index == 0 || entry.Item > 0).Index + 1)];

    /// <summary>Two operations for each weight of a matrix and token, the head's for the last token alone. Attention is left out.</summary>
    private double PrefillFlops() => 2.0 *
        (((double)ModelSize.LayerMatrices(model.Config) * model.Config.Layers * settings.PrefillPrompt.Length) + ModelSize.Head(model.Config));
}
