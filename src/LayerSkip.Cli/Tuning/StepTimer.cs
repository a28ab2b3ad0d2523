using LayerSkip.Cli.Measurement;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Tuning;

/// <summary>Times a model's steps on this machine.</summary>
internal sealed class StepTimer : IDisposable
{
    /// <summary>Layers that tell what one takes by coarse weights: there may be no memory for more.</summary>
    private const int MostCopies = 4;

    private readonly LayerSkipModel _model;
    private readonly IDeviceModel _steps;
    private readonly int _layers;
    private readonly int[] _prompt;
    private readonly int _position;
    private readonly KvCache _cache;
    private readonly RowBuffer _rows;
    private readonly DraftHead? _draftHead;
    private readonly int[] _tokens;
    private readonly int[] _best;

    /// <param name="model">The model.</param>
    /// <param name="prompt">A typical prompt.</param>
    /// <param name="position">Tokens before those of a step: a typical context.</param>
    /// <param name="mostRows">Most rows of a pass.</param>
    public StepTimer(LayerSkipModel model, int[] prompt, int position, int mostRows)
    {
        _model = model;
        _steps = model.Steps;
        _layers = model.Config.Layers;
        _prompt = prompt;
        _position = Math.Clamp(position, 0, Math.Max(0, model.Config.MaxPositions - mostRows));
        _tokens = [.. Enumerable.Range(0, mostRows).Select(index => prompt[index % prompt.Length])];
        _best = new int[mostRows];
        _cache = _steps.CreateCache();
        _cache.Continue(_layers, 0);
        _rows = _steps.CreateRows(Math.Max(mostRows, Generation.PrefillRows));
        _rows.Begin(prompt.Length);
        _draftHead = _steps.CreateDraftHead(prompt);
    }

    /// <summary>Times all steps.</summary>
    /// <param name="rows">Numbers of rows, ascending from 1.</param>
    /// <param name="seconds">About how long to take; every step is timed a few times, however long that takes.</param>
    /// <param name="cancellationToken">Looked at between steps.</param>
    public MeasuredCosts Measure(IReadOnlyList<int> rows, double seconds, CancellationToken cancellationToken)
    {
        FillCache(cancellationToken);
        _rows.Place(0, _tokens.Length, _cache, _position);

        // Steps of one row by themselves: what passes of many rows leave behind slows down the first few of them, and decoding takes many in turn.
        var (singles, others) = (new InterleavedTimer(), new InterleavedTimer());
        var drafts = Enumerable.Range(1, _layers - 1).Select(exit => singles.Add(() =>
        {
            Pass(1, exit, cancellationToken);
            Draft();
        })).ToArray();
        var draftHead = singles.Add(Draft);

        var copied = Math.Min(MostCopies, _layers - 1);
        DraftWeights[] coarse = [.. Enum.GetValues<DraftWeights>().Where(weights => _steps.DraftsBy(weights) && _steps.PrepareDraftLayers(copied, weights, cancellationToken))];
        var copies = coarse.Select(weights => singles.Add(() => _steps.RunDraftLayers(_rows, 0, 1, 0, copied, weights, cancellationToken))).ToArray();

        // Through all layers, and through one: what lies between is the layers'. Both end with the head, whose result has to be waited for; a GPU's layers do not.
        var shallow = Passes(1);
        var deep = Passes(_layers);
        singles.Run(seconds / 2, cancellationToken);
        others.Run(seconds / 2, cancellationToken);

        // By themselves: threads that wait for steps fall asleep meanwhile, and take longer to wake than a step does.
        var requests = new InterleavedTimer();
        var plainRequest = requests.Add(() => Start(new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 64 }));
        var draftRequest = requests.Add(() => Start(DraftSetting.Fixed(1, 4).Options() with { MaxNewTokens = 64 }));
        requests.Run(seconds / 10, cancellationToken);

        // Where the head takes far longer than a layer, a busy machine may hide the difference: what lies beside it tells more.
        (int Rows, double Seconds)[] layers = [.. rows.Select((count, i) => (Rows: count, Seconds: LayerOf(i))).Where(layer => layer.Seconds > 0)];
        return new MeasuredCosts
        {
            Layers = _layers,
            PlainStep = deep[0]().Median,
            DraftSteps = [.. drafts.Select(draft => draft().Median)],
            CoarseLayer = coarse.Zip(copies).ToDictionary(one => one.First, one => one.Second().Median / copied),
            DraftHead = draftHead().Median,
            Layer = layers.Length > 0 ? layers : [(rows[0], deep[0]().Median / _layers)],

            // Behind the layers, as in decoding, and not by itself, where it would find its weights in the nearest cache.
            Head = [.. rows.Select((count, i) => (count, Math.Max(0, deep[i]().Median - (_layers * LayerOf(i)))))],
            PlainRequest = plainRequest().Median,
            DraftRequest = draftRequest().Median,
        };

        Func<Spread>[] Passes(int depth) => [.. rows.Select(count => (count == 1 ? singles : others).Add(() =>
        {
            Pass(count, depth, cancellationToken);
            _steps.ArgMax(_rows, 0, _best.AsSpan(0, count));
        }))];

        double LayerOf(int i) => Math.Max(0, deep[i]().Median - shallow[i]().Median) / (_layers - 1);
    }

    public void Dispose()
    {
        _draftHead?.Dispose();
        _rows.Dispose();
        _cache.Dispose();
    }

    /// <summary>A setup as the engine's, and the end of it.</summary>
    private void Start(DecodingOptions options) => _model.Generate(_prompt, options).Dispose();

    private void Pass(int count, int layers, CancellationToken cancellationToken)
    {
        _steps.Embed(_rows, 0, _tokens.AsSpan(0, count));
        _steps.RunLayers(_rows, 0, count, 0, layers, cancellationToken);
    }

    private void Draft() => _steps.Guess(_rows, 0, _draftHead);

    private void FillCache(CancellationToken cancellationToken)
    {
        for (var start = 0; start < _position;)
        {
            var count = Math.Min(Math.Min(_rows.Capacity, _tokens.Length), _position - start);
            _rows.Place(0, count, _cache, start);
            Pass(count, _layers, cancellationToken);
            start += count;
            _cache.Length = start;
        }
    }
}
