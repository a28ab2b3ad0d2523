namespace LayerSkip.Cli.Training;

/// <summary>A mean that forgets: each value counts 2 % less with every one after it.</summary>
internal struct RunningMean
{
    private const double Kept = 0.98;

    private double _sum;
    private double _weight;

    /// <summary>NaN before the first value.</summary>
    public readonly double Value => _sum / _weight;

    public void Add(double value)
    {
        _sum = (Kept * _sum) + value;
        _weight = (Kept * _weight) + 1;
    }
}
