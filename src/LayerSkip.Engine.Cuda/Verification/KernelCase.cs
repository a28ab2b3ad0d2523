namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A kernel with random arguments: what it gives, and how far that is from what it must give.</summary>
internal abstract class KernelCase
{
    /// <summary>The kernel's name in <see cref="Execution.KernelLibrary"/>.</summary>
    public abstract string Kernel { get; }

    /// <summary>The sizes of the arguments; all cases of a kernel have them in the same order.</summary>
    public abstract IReadOnlyList<KernelSize> Sizes { get; }

    /// <summary>Runs the kernel.</summary>
    /// <returns>All that it wrote, to the bit.</returns>
    /// <exception cref="KernelFaultException">It wrote where it must not.</exception>
    public abstract uint[] Run(KernelBench bench);

    /// <summary>Compares what <see cref="Run"/> returned with the reference.</summary>
    public abstract Deviation Compare(uint[] result);
}

/// <summary>A size of a kernel's arguments.</summary>
/// <param name="Name">What it counts.</param>
/// <param name="Value">How many.</param>
internal readonly record struct KernelSize(string Name, int Value);
