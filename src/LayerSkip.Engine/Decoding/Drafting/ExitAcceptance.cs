namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>How often an exit's guesses of a certain confidence are right: decayed counts in classes of confidence, with an assumption to begin with.</summary>
internal sealed class ExitAcceptance
{
    /// <summary>Classes of confidence.</summary>
    public const int Classes = 7;

    private const double Memory = 0.96;
    private const double AssumedWeight = 2;

    private static ReadOnlySpan<float> UpperEnds => [0.3f, 0.5f, 0.7f, 0.85f, 0.95f, 0.99f];

    // Middle of each class.
    private static ReadOnlySpan<float> Middles => [0.15f, 0.4f, 0.6f, 0.78f, 0.9f, 0.97f, 0.995f];

    // How common each class is taken to be at first, where the exit is known to be good, and where nothing is known.
    private static ReadOnlySpan<double> GoodShares => [0.1, 0.1, 0.2, 0.2, 0.3, 0.5, 2.6];

    private static ReadOnlySpan<double> UnknownShares => [1.6, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1];

    private readonly double[] _count = new double[Classes];
    private readonly double[] _hits = new double[Classes];
    private readonly double[] _share = new double[Classes];

    private readonly bool _isRecommended;
    private readonly double? _copyError;

    // Of all guesses seen, those long ago counting less: how many were right, and how many should have been, as they said themselves.
    private double _right;
    private double _said;

    /// <param name="isRecommended">Whether the checkpoint, or the caller, recommends the exit.</param>
    /// <param name="copyError">Of an exit after all layers, by coarse weights, the share of its most unsure guesses that are taken to be wrong; null: of others.</param>
    public ExitAcceptance(bool isRecommended, double? copyError = null)
    {
        (_isRecommended, _copyError) = (isRecommended, copyError);
        (isRecommended || copyError is not null ? GoodShares : UnknownShares).CopyTo(_share);
    }

    /// <summary>Guesses seen, those long ago counting less.</summary>
    public double Seen { get; private set; }

    /// <summary>Most tokens to draft at once: an exit that nobody recommended is tried before it is trusted with more.</summary>
    public int Reach => _isRecommended ? int.MaxValue : 1 + (int)(2 * Seen);

    /// <summary>A guess was right or wrong.</summary>
    public void Add(float probability, bool isRight)
    {
        for (var i = 0; i < Classes; i++)
        {
            _count[i] *= Memory;
            _hits[i] *= Memory;
            _share[i] *= Memory;
        }

        _said = (Memory * _said) + probability;
        _right = (Memory * _right) + (isRight ? 1 : 0);
        var of = ClassOf(probability);
        _count[of]++;
        _share[of]++;
        _hits[of] += isRight ? 1 : 0;
        Seen = (Memory * Seen) + 1;
    }

    /// <summary>How likely a guess of a confidence is right.</summary>
    public double Rate(float probability) => Rate(ClassOf(probability), probability);

    /// <summary>How likely the next guess is in a class or above it, and how likely it is so and right.</summary>
    public (double Kept, double Right) From(int lowest)
    {
        var (all, kept, right) = (0.0, 0.0, 0.0);
        for (var i = 0; i < Classes; i++)
        {
            all += _share[i];
            if (i >= lowest)
            {
                kept += _share[i];
                right += _share[i] * Rate(i, Middles[i]);
            }
        }

        return (kept / all, right / all);
    }

    private static int ClassOf(float probability)
    {
        var of = 0;
        while (of < Classes - 1 && probability >= UpperEnds[of])
        {
            of++;
        }

        return of;
    }

    private double Rate(int of, float probability) => (_hits[of] + (AssumedWeight * Expected(probability))) / (_count[of] + AssumedWeight);

    /// <summary>
    /// What is expected of a class until its own counts tell. Of all layers, that their copy mostly guesses what they do, however little that says of itself: they
    /// prefer the same token unless two are close. Of a recommended exit, that a guess is more often right than it says: that both prefer the same token is
    /// likelier than that token is. Of another one, that it is as often right as it says, or less, where guesses of whatever confidence have disappointed.
    /// </summary>
    private double Expected(float probability) => _copyError is { } error ? 1 - (error * (1 - probability))
        : _isRecommended ? 1 - ((1 - probability) * (1 - probability))
        : probability * Math.Min(1, (_right + AssumedWeight) / (_said + AssumedWeight));
}
