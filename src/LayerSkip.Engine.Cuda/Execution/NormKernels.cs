using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>RMSNorm of hidden states: as activations for the products behind it, or as numbers.</summary>
internal sealed class NormKernels(CudaContext context, KernelLibrary kernels, Geometry geometry)
{
    private readonly nint _normalize = kernels.Function("normalize");
    private readonly nint _states = kernels.Function("normed_states");

    /// <summary>Activations [count, hidden size].</summary>
    public void Normalize(ulong activations, in RowPointers rows, ulong gain, int count) => Launch(_normalize, activations, rows, gain, count);

    /// <summary>float [count, padded hidden size]</summary>
    public void States(ulong states, in RowPointers rows, ulong gain, int count) => Launch(_states, states, rows, gain, count);

    private void Launch(nint kernel, ulong target, in RowPointers rows, ulong gain, int count)
    {
        var arguments = default(KernelArguments);
        arguments.Add(target);
        arguments.Add(rows.Hidden);
        arguments.Add(gain);
        arguments.Add(rows.Positions);
        arguments.Add(count);
        arguments.Add(geometry.Config.HiddenSize);
        arguments.Add(geometry.Config.RmsNormEpsilon);
        context.Launch(kernel, (count, 1, 1), 256, ref arguments);
    }
}
