using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>The kernels that draw tokens.</summary>
internal sealed class SamplingKernels
{
    private const int Threads = 256;

    private readonly CudaContext _context;
    private readonly nint _distribution;
    private readonly nint _race;

    public SamplingKernels(CudaContext context, KernelLibrary kernels)
    {
        _context = context;
        _distribution = kernels.Function("distribution");
        _race = kernels.Function("race");
    }

    /// <summary>Turns logits into probabilities, and writes the keys of the tokens that rows draw from them.</summary>
    /// <param name="memory">Has the logits of the rows, from its first row on.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="vocabulary">Tokens.</param>
    /// <param name="sampling"><see cref="SamplingParameters"/> in device memory.</param>
    public void Draw(LogitMemory memory, in RowPointers rows, int count, int vocabulary, ulong sampling)
    {
        var distribution = default(KernelArguments);
        distribution.Add(memory.Logits);
        distribution.Add(memory.Valid);
        distribution.Add(rows.Positions);
        distribution.Add(sampling);
        distribution.Add(count);
        distribution.Add(vocabulary);
        distribution.Add(vocabulary);
        _context.Launch(_distribution, (count, 1, 1), Threads, ref distribution);

        var race = default(KernelArguments);
        race.Add(rows.Best);
        race.Add(memory.Likelihoods);
        race.Add(memory.Logits);
        race.Add(memory.Valid);
        race.Add(rows.Positions);
        race.Add(sampling);
        race.Add(count);
        race.Add(vocabulary);
        race.Add(vocabulary);
        _context.Launch(_race, (count, 1, 1), Threads, ref race);
    }
}
