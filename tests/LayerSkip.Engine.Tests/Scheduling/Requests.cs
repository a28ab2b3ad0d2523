using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>A model for engines, and short ways to ask them.</summary>
internal static class Requests
{
    /// <summary>A random model of a long context, so that an endless request is really running when something happens to it.</summary>
    /// <param name="maxPositions">Its context.</param>
    /// <param name="exitLayer">An exit that guesses right; null: none does.</param>
    public static LayerSkipModel Model(int maxPositions = 20_000, int? exitLayer = null)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = maxPositions };
        using var weights = new RandomWeightSource(config, seed: 1, TensorDataType.F32, exitLayer);
        return LayerSkipModel.FromWeights("random", config, weights, options: TestedDevice.Options(2));
    }

    /// <summary>What a request gets that nothing else is beside or before.</summary>
    public static int[] Alone(LayerSkipModel model, int[] prompt, DecodingOptions options)
    {
        using var generation = model.Generate(prompt, options);
        while (generation.NextRound())
        {
        }

        return generation.Output.ToArray();
    }

    /// <summary>Reads to the end.</summary>
    public static async Task<int[]> ReadAll(this TokenReader reader)
    {
        var tokens = new List<int>();
        while (await reader.WaitToReadAsync())
        {
            tokens.AddRange(reader.Read());
        }

        return [.. tokens];
    }

    /// <summary>Runs a request to its end.</summary>
    public static async Task<(int[] Tokens, GenerationStatistics Statistics)> Run(this LayerSkipEngine engine, int[] prompt, DecodingOptions options)
    {
        await using var reader = engine.Generate(prompt, options);
        return (await reader.ReadAll(), reader.Statistics);
    }
}

/// <summary>An engine's requests, whose turns a test takes itself.</summary>
internal sealed class TurnByTurn : IDisposable
{
    private readonly EngineLoad _load = new(limit: 1000);
    private readonly LayerSkipModel _model;
    private readonly Scheduler _scheduler;
    private readonly SteppingClock _clock = new();

    public TurnByTurn(LayerSkipModel model, EngineOptions? options = null)
    {
        _model = model;
        options = (options ?? new()) with { Clock = _clock };
        _scheduler = new Scheduler(model, options, KvCacheBudgets.Of(model, options), _load);
    }

    /// <summary>How long turns take, as far as the scheduler can tell.</summary>
    public TimeSpan TurnTime
    {
        get => _clock.Step;
        set => _clock.Step = value;
    }

    /// <summary>Bytes of the running requests' caches.</summary>
    public long KvBytesInUse => _load.KvBytesInUse;

    /// <summary>A request, to begin in the next turn.</summary>
    public TokenReader Add(int[] prompt, DecodingOptions options, CancellationToken cancellationToken = default)
    {
        Assert.True(_load.TryEnter());
        var reader = new TokenReader(_load, prompt, _model.Plan(options), cancellationToken, engineStops: default);
        _scheduler.Add(reader);
        return reader;
    }

    public void Turn() => _scheduler.Turn();

    public void RunToEnd()
    {
        while (!_scheduler.IsIdle)
        {
            Turn();
        }
    }

    public void Dispose()
    {
        _scheduler.End(new ObjectDisposedException(nameof(TurnByTurn)));
        _scheduler.Dispose();
    }
}

/// <summary>Holds the engine's thread in a request's first round until it is opened.</summary>
internal sealed class Gate : ILogitsProcessor, IDisposable
{
    private readonly ManualResetEventSlim _entered = new();
    private readonly ManualResetEventSlim _open = new();

    public void Open() => _open.Set();

    /// <summary>Waits until the engine stands at the gate.</summary>
    public void WaitUntilEntered() => _entered.Wait(TestContext.Current.CancellationToken);

    public void Process(ReadOnlySpan<int> context, Span<float> logits)
    {
        _entered.Set();
        _open.Wait();
    }

    public void Dispose()
    {
        _entered.Dispose();
        _open.Dispose();
    }
}

/// <summary>Notes each of a request's calls in a list that requests share. Only the engine's thread writes it.</summary>
internal sealed class Turns(List<int> turns, int request) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> context, Span<float> logits) => turns.Add(request);
}

/// <summary>A clock that goes on whenever it is looked at, and only then.</summary>
internal sealed class SteppingClock : TimeProvider
{
    private long _now;

    public TimeSpan Step { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now += Step.Ticks;
}
