namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>
/// What a step costs by its number of rows: a line through all samples, by least squares, and for each number of rows what its own samples say beyond it, since
/// kernels work in tiles, so that one row more may cost nothing or a lot.
/// </summary>
/// <remarks>
/// Samples fade as others come, so that what has not been seen for long is the line's again: a number of rows that was slow once, while code was being compiled or
/// the machine was busy, is not avoided for ever.
/// </remarks>
internal sealed class RowCosts
{
    /// <summary>Passes of more rows are not told apart.</summary>
    public const int MaxRows = 40;

    /// <summary>A further row's share of one row's cost, where nothing has been measured.</summary>
    public const double AssumedSlope = 0.2;

    private const double AssumedWeight = 0.5;
    private const double LineWeight = 0.5;
    private const double Memory = 0.98;

    // Where steps were slow at first, nothing is drafted, and so nothing new is learnt of them: it must be forgotten within a few requests.
    private const double RequestMemory = 0.5;

    // What is left of samples of some requests ago is not worth keeping to: rather assume again, and measure.
    private const double LeastWeight = 0.05;

    // Steps are interrupted, never sped up: a slow sample counts as so many times what was expected at most, and for less than a quick one. A quick one that
    // shows that steps had been so much too slow, because they had to be compiled first or the machine was busy, has all samples of that time forgotten.
    private const double MaxSurprise = 1.5;
    private const double SlowWeight = 0.4;

    // By number of rows: relative errors are what is alike.
    private static readonly double[] s_likeness = [.. Enumerable.Range(0, MaxRows + 1).Select(static rows => Math.Pow(1 + (AssumedSlope * (rows - 1)), -2))];

    // By number of rows: the mean of its samples, and how much they weigh by now.
    private readonly double[] _mean = new double[MaxRows + 1];
    private readonly double[] _weight = new double[MaxRows + 1];
    private readonly double[] _all = new double[MaxRows + 2];
    private double _slope;
    private double _unit = 1;

    public RowCosts()
    {
    }

    /// <summary>A copy that goes on by itself, for the next request: what the one before found counts for less there.</summary>
    public RowCosts(RowCosts other)
    {
        other._mean.CopyTo(_mean, 0);
        var weight = 0.0;
        for (var rows = 1; rows <= MaxRows; rows++)
        {
            weight += _weight[rows] = other._weight[rows] * RequestMemory;
        }

        _unit = other._unit;
        IsMeasured = weight >= LeastWeight * _unit;
        if (!IsMeasured)
        {
            Array.Clear(_weight);
        }

        Refresh();
    }

    /// <summary>Whether there is a sample.</summary>
    public bool IsMeasured { get; private set; }

    /// <summary>Adds a sample.</summary>
    /// <param name="rows">At least 1; more than <see cref="MaxRows"/> are not counted.</param>
    /// <param name="cost">Positive, in any unit.</param>
    public void Add(int rows, double cost)
    {
        if (rows > MaxRows || !(cost > 0))
        {
            return;
        }

        // Instead of fading all others, a sample weighs more than those before.
        _unit /= Memory;
        var weight = _unit;
        if (_all[rows] is > 0 and var expected && cost > expected)
        {
            cost = Math.Min(cost, MaxSurprise * expected);
            weight *= SlowWeight;
        }

        if (_weight[rows] > 0 && _mean[rows] > MaxSurprise * cost)
        {
            Array.Clear(_weight);
        }

        _weight[rows] += weight;
        _mean[rows] += (cost - _mean[rows]) * weight / _weight[rows];
        if (!IsMeasured)
        {
            IsMeasured = true;
            Refresh();
        }
    }

    /// <summary>The cost of a number of rows, at least 1, which may lie between two, as of the last <see cref="Refresh"/>; valid where there is a sample.</summary>
    public double this[double rows]
    {
        get
        {
            if (rows >= MaxRows)
            {
                return _all[MaxRows] + (_slope * (rows - MaxRows));
            }

            var below = (int)rows;
            return _all[below] + ((rows - below) * (_all[below + 1] - _all[below]));
        }
    }

    /// <summary>Takes the samples into account. The line minimises the squared errors plus the assumed weight times (slope - assumed slope * single)^2.</summary>
    public void Refresh()
    {
        if (!IsMeasured)
        {
            return;
        }

        var fade = 1 / _unit;
        for (var rows = 1; rows <= MaxRows; rows++)
        {
            _weight[rows] *= fade;
        }

        _unit = 1;
        var (w, x, xx, y, xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (var rows = 1; rows <= MaxRows; rows++)
        {
            if (_weight[rows] == 0)
            {
                continue;
            }

            var further = rows - 1.0;
            var weight = _weight[rows] * s_likeness[rows];
            w += weight;
            x += weight * further;
            xx += weight * further * further;
            y += weight * _mean[rows];
            xy += weight * further * _mean[rows];
        }

        var a = w + (AssumedWeight * AssumedSlope * AssumedSlope);
        var b = x - (AssumedWeight * AssumedSlope);
        var c = xx + AssumedWeight;
        var determinant = (a * c) - (b * b);
        var single = ((y * c) - (xy * b)) / determinant;
        _slope = ((xy * a) - (y * b)) / determinant;
        if (_slope < 0 || single <= 0)
        {
            // A line through samples that scatter so much says nothing but their mean.
            single = y / (w + (AssumedSlope * x));
            _slope = AssumedSlope * single;
        }

        for (var rows = 1; rows <= MaxRows; rows++)
        {
            var line = single + (_slope * (rows - 1));
            _all[rows] = _weight[rows] == 0 ? line : ((_weight[rows] * _mean[rows]) + (LineWeight * line)) / (_weight[rows] + LineWeight);
        }
    }
}
