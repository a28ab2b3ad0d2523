namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>
/// What a round's steps cost on this machine, measured as they run: a layer and the head by their rows, and a guess of a draft. In ticks; before
/// anything has been measured in multiples of one layer's cost, by the bytes of weights that are read.
/// </summary>
/// <remarks>
/// A request measures into a copy of its own. What an earlier request of the model has published stays as it is: a later one begins with it
/// (<see cref="StepCostBook"/>). Costs decide what is drafted, never what is written.
/// </remarks>
internal sealed class StepCosts
{
    private const double AlongsideWeight = 0.1;

    /// <summary>Of a step of drafts, the least share that its guesses are taken to have.</summary>
    private const double LeastGuess = 0.05;

    /// <summary>A layer by coarse weights, in layers, where nothing has been measured.</summary>
    private const double AssumedCoarse = 0.5;

    private readonly double _headRatio;
    private readonly double _guessRatio;
    private readonly Func<double, double>? _given;
    private readonly bool _draftsCoarsely;
    private readonly RowCosts _layer;
    private readonly RowCosts _coarseLayer;
    private readonly RowCosts _head;
    private readonly RowCosts _guess;

    // The shallowest exit whose layers cannot be copied; shallower ones may be.
    private int _uncopied = int.MaxValue;

    // Of the others in company, the share that draft together with this one.
    private double _alongside = 1;

    /// <summary>Costs that are yet to be measured.</summary>
    /// <param name="kind">Of what kind of requests.</param>
    /// <param name="headRatio">What the head costs, in layers.</param>
    /// <param name="guessRatio">What a guess costs, in layers.</param>
    /// <param name="draftsCoarsely">Whether drafts run by coarse weights, where a request runs by itself.</param>
    public StepCosts(int kind, double headRatio, double guessRatio, bool draftsCoarsely = false)
        : this(kind, headRatio, guessRatio, draftsCoarsely, new(), new(), new(), new())
    {
    }

    /// <summary>Goes on from what has been measured.</summary>
    public StepCosts(StepCosts other)
        : this(other.Kind, other._headRatio, other._guessRatio, other._draftsCoarsely, new(other._layer), new(other._coarseLayer), new(other._head), new(other._guess)) =>
        (_given, _uncopied) = (other._given, other._uncopied);

    private StepCosts(
        int kind, double headRatio, double guessRatio, bool draftsCoarsely, RowCosts layer, RowCosts coarseLayer, RowCosts head, RowCosts guess)
    {
        (Kind, _headRatio, _guessRatio, _draftsCoarsely) = (kind, headRatio, guessRatio, draftsCoarsely);
        (_layer, _coarseLayer, _head, _guess) = (layer, coarseLayer, head, guess);
    }

    private StepCosts(Func<double, double> layer, double headRatio, double guessRatio, bool draftsCoarsely)
        : this(0, headRatio, guessRatio, draftsCoarsely) => _given = layer;

    /// <summary>Costs that are given, and not measured: for tests of what depends on them.</summary>
    /// <param name="layer">What a layer costs by its rows.</param>
    /// <param name="head">What the head costs, in layers.</param>
    /// <param name="guess">What a guess costs, in layers.</param>
    /// <param name="draftsCoarsely">Whether drafts run by coarse weights.</param>
    public static StepCosts Of(Func<double, double> layer, double head, double guess, bool draftsCoarsely = false) => new(layer, head, guess, draftsCoarsely);

    /// <summary>Of what kind of requests they are.</summary>
    public int Kind { get; }

    /// <summary>Whether anything has been measured into these, and not only into those they go on from.</summary>
    public bool HasMeasured { get; private set; }

    /// <summary>Takes what has been measured since the last time into account.</summary>
    public void Refresh()
    {
        _layer.Refresh();
        _coarseLayer.Refresh();
        _head.Refresh();
        _guess.Refresh();
    }

    /// <summary>A guess, its head included, or this sequence's share of those that it makes together with others.</summary>
    public double Guess => Guesses(DraftWith(1)) / DraftWith(1);

    /// <summary>One layer over a number of rows.</summary>
    public double Layer(double rows) => _given is not null ? _given(rows)
        : _layer.IsMeasured ? _layer[rows]
        : 1 + (RowCosts.AssumedSlope * (rows - 1));

    /// <summary>How many sequences run their last layers and the head together, each with as many rows as this one, as far as <see cref="SharedRows"/> allows.</summary>
    public int Company { get; private set; } = 1;

    /// <summary>Most rows of a pass that is shared.</summary>
    public int SharedRows { get; private set; }

    /// <summary>From now on so many sequences run together.</summary>
    public void Share(int company, int sharedRows) => (Company, SharedRows) = (sharedRows > 0 ? company : 1, sharedRows);

    /// <summary>This sequence's share of a layer that it runs together with others.</summary>
    public double SharedLayer(double rows) => Company == 1 ? Layer(rows) : Layer(With(rows) * rows) / With(rows);

    /// <summary>This sequence's share of a head that it runs together with others.</summary>
    public double SharedHead(double rows) => Company == 1 ? Head(rows) : Head(With(rows) * rows) / With(rows);

    /// <summary>This sequence's share of a layer of a draft's step.</summary>
    /// <param name="rows">Its own rows.</param>
    public double DraftLayer(double rows) => Layer(DraftWith(rows) * rows) / DraftWith(rows);

    /// <summary>Whether a draft's own rows run by coarse weights, and the layers themselves again over them before verification.</summary>
    /// <param name="exit">The draft's exit.</param>
    public bool DraftsCoarsely(int exit) => _draftsCoarsely && Company == 1 && exit < _uncopied;

    /// <summary>There is no memory for a copy of the layers below an exit.</summary>
    public void CannotCopy(int exit) => _uncopied = Math.Min(_uncopied, exit);

    /// <summary>A layer of a draft's step by coarse weights, over one row: no more than by exact ones, whatever the first, which compiles it, has taken. Drafts alone tell better.</summary>
    public double CoarseLayer => Math.Min(_coarseLayer.IsMeasured ? _coarseLayer[1] : AssumedCoarse * Layer(1), Layer(1));

    /// <summary>The head over a number of rows, and what is done with its result.</summary>
    public double Head(double rows) => _head.IsMeasured ? _head[rows] : Layer(rows) * _headRatio;

    /// <summary>A pass over some layers took so long.</summary>
    public void AddLayers(int rows, int layers, long ticks)
    {
        if (layers > 0 && _given is null)
        {
            _layer.Add(rows, (double)ticks / layers);
            HasMeasured = true;
        }
    }

    /// <summary>A pass of a draft by coarse weights took so long.</summary>
    public void AddCoarseLayers(int rows, int layers, long ticks)
    {
        if (layers > 0 && _given is null)
        {
            _coarseLayer.Add(rows, (double)ticks / layers);
            HasMeasured = true;
        }
    }

    /// <summary>A pass over some layers, and perhaps the head, took so long.</summary>
    public void AddPass(int rows, int layers, bool head, long ticks) =>
        AddLayers(rows, layers, (long)(ticks * (layers / (layers + (head ? _headRatio : 0)))));

    /// <summary>A step of several sequences' drafts took so long.</summary>
    /// <param name="rows">Rows of all.</param>
    /// <param name="layers">Layers that they ran.</param>
    /// <param name="guesses">How many of them guessed a token behind it.</param>
    /// <param name="ticks">Time of both.</param>
    public void AddDraftStep(int rows, int layers, int guesses, long ticks)
    {
        if (_given is not null || guesses == 0 || !_layer.IsMeasured)
        {
            // What of it was whose is told by what both were expected to take.
            AddLayers(rows, layers, (long)(ticks * (layers / (layers + (guesses > 0 ? _guessRatio : 0)))));
            return;
        }

        // Layers are measured by themselves, too; guesses beside others are not, and what is left is theirs.
        _guess.Add(guesses, Math.Max(LeastGuess * ticks, ticks - (layers * Layer(rows))));
        HasMeasured = true;
    }

    /// <summary>So many sequences drafted together, this one included.</summary>
    public void DraftedWith(int sequences)
    {
        if (Company > 1)
        {
            _alongside += AlongsideWeight * (Math.Min(1, (sequences - 1) / (Company - 1.0)) - _alongside);
        }
    }

    /// <summary>A verification took so long.</summary>
    public void AddHead(int rows, long ticks)
    {
        if (_given is null)
        {
            _head.Add(rows, ticks);
            HasMeasured = true;
        }
    }

    /// <summary>A guess took so long.</summary>
    public void AddGuess(long ticks)
    {
        if (_given is null)
        {
            _guess.Add(1, ticks);
            HasMeasured = true;
        }
    }

    /// <summary>How many sequences of so many rows share a pass.</summary>
    private int With(double rows) => Math.Clamp((int)(SharedRows / rows), 1, Company);

    /// <summary>How many of them share a step of their drafts.</summary>
    private double DraftWith(double rows) => Math.Clamp(SharedRows / rows, 1, DraftCompany);

    /// <summary>How many of them draft together, on the average of late; all, before anything has been seen.</summary>
    private double DraftCompany => 1 + ((Company - 1) * _alongside);

    /// <summary>Guesses of several sequences at once.</summary>
    private double Guesses(double sequences) => _guess.IsMeasured ? _guess[sequences] : Layer(sequences) * _guessRatio;
}
