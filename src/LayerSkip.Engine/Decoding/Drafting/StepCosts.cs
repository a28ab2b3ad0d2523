using LayerSkip.Engine.Devices;

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
    /// <summary>Passes of more rows are of another kind: a prompt's.</summary>
    private const int MaxRows = 33;

    private readonly double _headRatio;
    private readonly double _guessRatio;
    private double? _given;
    private LinearCost _layer;
    private LinearCost _head;
    private LinearCost _guess;

    /// <summary>Costs that are yet to be measured.</summary>
    /// <param name="kind">Of what kind of requests.</param>
    /// <param name="headRatio">What the head costs, in layers.</param>
    /// <param name="guessRatio">What a guess costs, in layers.</param>
    public StepCosts(int kind, double headRatio, double guessRatio) => (Kind, _headRatio, _guessRatio) = (kind, headRatio, guessRatio);

    /// <summary>Goes on from what has been measured.</summary>
    public StepCosts(StepCosts other)
        : this(other.Kind, other._headRatio, other._guessRatio) =>
        (_layer, _head, _guess, _given) = (other._layer, other._head, other._guess, other._given);

    /// <summary>Of what kind of requests they are.</summary>
    public int Kind { get; }

    /// <summary>Costs that are given, and not measured: for tests of what depends on them.</summary>
    /// <param name="furtherRow">What each further row costs, as a share of the first.</param>
    /// <param name="head">What the head costs, in layers.</param>
    /// <param name="guess">What a guess costs, in layers.</param>
    public static StepCosts Of(double furtherRow, double head, double guess) => new(0, head, guess) { _given = furtherRow };

    /// <summary>A guess, its head included.</summary>
    public double Guess => _guess.IsMeasured ? _guess.Single : Layer(1) * _guessRatio;

    /// <summary>One layer over a number of rows.</summary>
    public double Layer(double rows) => _layer.IsMeasured
        ? _layer.Single + (_layer.Further * (rows - 1))
        : 1 + ((_given ?? LinearCost.AssumedSlope) * (rows - 1));

    /// <summary>The head over a number of rows, and what is done with its result.</summary>
    public double Head(double rows) => _head.IsMeasured ? _head.Single + (_head.Further * (rows - 1)) : Layer(rows) * _headRatio;

    /// <summary>A pass over some layers took so long.</summary>
    public void AddLayers(int rows, int layers, long ticks)
    {
        if (rows <= MaxRows && layers > 0 && _given is null)
        {
            _layer.Add(rows, (double)ticks / layers);
        }
    }

    /// <summary>A verification took so long.</summary>
    public void AddHead(int rows, long ticks)
    {
        if (rows <= MaxRows && _given is null)
        {
            _head.Add(rows, ticks);
        }
    }

    /// <summary>A guess took so long.</summary>
    public void AddGuess(long ticks)
    {
        if (_given is null)
        {
            _guess.Add(1, ticks);
        }
    }
}
