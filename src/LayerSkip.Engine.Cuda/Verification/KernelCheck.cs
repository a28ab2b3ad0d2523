using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Runs a kernel's cases, and keeps the worst of what they found.</summary>
/// <param name="family">The kernel, without format or head size.</param>
internal sealed class KernelCheck(string family)
{
    private readonly List<string> _variants = [];
    private readonly Dictionary<string, (int Least, int Most)> _sizes = [];
    private int _shapes;
    private double _error;
    private double _bound;
    private string? _failure;

    /// <summary>What has been found so far.</summary>
    public KernelFinding Finding => new(
        family, [.. _variants], _shapes, [.. _sizes.Select(size => new SizeRange(size.Key, size.Value.Least, size.Value.Most))], _error, _bound, _failure);

    /// <summary>Whether the kernel does not run at all, so that further cases would tell nothing.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Runs one more case, unless the kernel is broken.</summary>
    public void Run(KernelBench bench, KernelCase @case)
    {
        if (IsBroken)
        {
            return;
        }

        var variant = KernelCases.Split(@case.Kernel).Variant;
        if (variant is not null && !_variants.Contains(variant))
        {
            _variants.Add(variant);
        }

        _shapes++;
        foreach (var (name, value) in @case.Sizes)
        {
            var (least, most) = _sizes.GetValueOrDefault(name, (value, value));
            _sizes[name] = (Math.Min(least, value), Math.Max(most, value));
        }

        try
        {
            var deviation = @case.Compare(@case.Run(bench));
            (_error, _bound) = (Math.Max(_error, deviation.Error), deviation.Bound);
            Fail(@case, deviation.Problem);
        }
#pragma warning disable CA1031 // Whatever a wrong device causes is a finding.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            Fail(@case, e.Message);

            // A case that the device has not the memory for says nothing of smaller ones.
            IsBroken = e is CudaException { Code: not CudaError.OutOfMemory };
        }
        finally
        {
            bench.Clear();
        }
    }

    private void Fail(KernelCase @case, string? problem) =>
        _failure ??= problem is null ? null : $"{@case.Kernel}, {string.Join(", ", @case.Sizes.Select(size => $"{size.Name} {size.Value}"))}: {problem}";
}

/// <summary>What a kernel's cases found.</summary>
/// <param name="Kernel">The kernel, without format or head size.</param>
/// <param name="Variants">The formats or head sizes that ran; none where there is but one.</param>
/// <param name="Shapes">Cases.</param>
/// <param name="Sizes">Of the arguments.</param>
/// <param name="Error">The largest error, of the bound's kind.</param>
/// <param name="Bound">The largest error allowed; 0: all results had to be exact.</param>
/// <param name="Failure">The first wrong result, in words; null: all were right.</param>
internal sealed record KernelFinding(
    string Kernel, IReadOnlyList<string> Variants, int Shapes, IReadOnlyList<SizeRange> Sizes, double Error, double Bound, string? Failure);

/// <summary>The sizes that were tried.</summary>
/// <param name="Name">What they count.</param>
/// <param name="Least">The smallest.</param>
/// <param name="Most">The largest.</param>
internal readonly record struct SizeRange(string Name, int Least, int Most);
