namespace LayerSkip.Engine.Checkpoints;

/// <summary>A tensor of random numbers, drawn anew and alike at every reading.</summary>
/// <remarks>
/// Counter-based: element c of row r is a hash of (key, r, c), so that rows are read in any order and on any thread. The hash is
/// SplitMix64's finaliser; the sum of its four 16-bit quarters is close to normal, and integer until the one scaling.
/// </remarks>
internal sealed class RandomTensor : WeightTensor
{
    private const ulong GoldenRatio = 0x9e3779b97f4a7c15;

    // The mean of the sum of four numbers uniform over 0 .. 65535, and its standard deviation, 2 sqrt((2^32 - 1) / 12).
    private const int SumMean = 2 * 65535;
    private const float SumDeviation = 37837.2f;

    private readonly ExpectedTensor _tensor;
    private readonly TensorDataType _dataType;
    private readonly ulong _key;
    private readonly float _mean;
    private readonly float _scale;

    /// <param name="tensor">The tensor.</param>
    /// <param name="seed">Chooses the numbers.</param>
    /// <param name="dataType">What they are rounded to.</param>
    /// <param name="share">How large they are, beside what keeps activations in scale.</param>
    public RandomTensor(ExpectedTensor tensor, ulong seed, TensorDataType dataType, float share)
    {
        _tensor = tensor;
        _dataType = dataType;
        _key = Mix(seed ^ Hash(tensor.Name));
        _mean = tensor.Role == TensorRole.Norm ? 1 : 0;
        _scale = (tensor.Role == TensorRole.Matrix ? 1 / MathF.Sqrt(Columns) : 0.05f) / SumDeviation * share;
    }

    public override string Name => _tensor.Name;

    public override TensorDataType DataType => _dataType;

    public override IReadOnlyList<long> Shape => _tensor.Shape;

    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        var counter = Mix(_key + (ulong)row);
        for (var column = 0; column < destination.Length; column++)
        {
            counter += GoldenRatio;
            destination[column] = _mean + ((SumOfQuarters(Mix(counter)) - SumMean) * _scale);
        }

        if (_dataType != TensorDataType.F32)
        {
            ElementNarrowing.Round(_dataType, destination);
        }
    }

    private static int SumOfQuarters(ulong bits)
    {
        const ulong EvenQuarters = 0x0000ffff_0000ffff;
        var sums = (bits & EvenQuarters) + ((bits >> 16) & EvenQuarters);
        return (int)((uint)sums + (uint)(sums >> 32));
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }

    /// <summary>FNV-1a: string.GetHashCode differs from process to process.</summary>
    private static ulong Hash(string name)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var character in name)
        {
            hash = (hash ^ character) * 0x100000001b3;
        }

        return hash;
    }
}
