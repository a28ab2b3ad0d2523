namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>A GPU, as the driver describes it.</summary>
/// <param name="Ordinal">Its place among the devices, from 0.</param>
/// <param name="Handle">The driver's handle.</param>
/// <param name="Name">Its name.</param>
/// <param name="MemoryBytes">All its memory.</param>
/// <param name="ComputeCapability">Which instructions it has.</param>
/// <param name="Multiprocessors">How many blocks of a kernel run at once, at least.</param>
internal sealed record CudaDeviceInfo(int Ordinal, int Handle, string Name, long MemoryBytes, Version ComputeCapability, int Multiprocessors)
{
    /// <summary>The least compute capability: the kernels use bfloat16 and its matrix instructions.</summary>
    public static Version LeastComputeCapability { get; } = new(8, 0);

    /// <summary>Why the kernels cannot run on it; null where they can.</summary>
    public string? Unusable => ComputeCapability < LeastComputeCapability
        ? $"{Name} has compute capability {ComputeCapability}, expected at least {LeastComputeCapability}"
        : null;
}
