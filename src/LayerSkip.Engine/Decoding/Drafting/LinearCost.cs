namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>What a step costs by its rows: a line through decayed samples, by least squares, drawn towards a slope that was assumed where few rows have been seen.</summary>
/// <remarks>A copy goes on by itself.</remarks>
internal struct LinearCost
{
    /// <summary>A further row's share of one row's cost, where nothing has been measured.</summary>
    public const double AssumedSlope = 0.2;

    private const double AssumedWeight = 0.5;
    private const double Memory = 0.97;

    // A step that was interrupted took any time: it counts as this many times what was expected at most.
    private const double MaxSurprise = 2;

    private double _weight, _x, _xx, _y, _xy;

    /// <summary>Whether there is a sample.</summary>
    public readonly bool IsMeasured => _weight > 0;

    /// <summary>Cost of one row; valid where there is a sample.</summary>
    public double Single { get; private set; }

    /// <summary>Cost of each further row, not negative.</summary>
    public double Further { get; private set; }

    /// <summary>Adds a sample.</summary>
    /// <param name="rows">At least 1.</param>
    /// <param name="cost">In any unit.</param>
    public void Add(int rows, double cost)
    {
        double x = rows - 1;
        if (IsMeasured)
        {
            cost = Math.Min(cost, MaxSurprise * (Single + (Further * x)));
        }

        // Relative errors are what is alike.
        var weight = 1 / ((1 + (AssumedSlope * x)) * (1 + (AssumedSlope * x)));
        (_weight, _x, _xx, _y, _xy) = (
            (Memory * _weight) + weight,
            (Memory * _x) + (weight * x),
            (Memory * _xx) + (weight * x * x),
            (Memory * _y) + (weight * cost),
            (Memory * _xy) + (weight * x * cost));
        Fit();
    }

    /// <summary>Minimises the squared errors plus the assumed weight times (slope - assumed slope * single)^2.</summary>
    private void Fit()
    {
        var a = _weight + (AssumedWeight * AssumedSlope * AssumedSlope);
        var b = _x - (AssumedWeight * AssumedSlope);
        var c = _xx + AssumedWeight;
        var determinant = (a * c) - (b * b);
        var single = ((_y * c) - (_xy * b)) / determinant;
        var further = ((_xy * a) - (_y * b)) / determinant;
        if (further < 0 || single <= 0)
        {
            // A line through samples that scatter so much says nothing but their mean.
            single = _y / (_weight + (AssumedSlope * _x));
            further = AssumedSlope * single;
        }

        (Single, Further) = (single, further);
    }
}
