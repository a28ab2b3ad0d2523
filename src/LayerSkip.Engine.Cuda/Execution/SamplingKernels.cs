using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>The kernels that go by probabilities: they draw tokens, and say how likely a guess is.</summary>
internal sealed class SamplingKernels
{
    private const int Threads = 256;

    private readonly CudaContext _context;
    private readonly nint _distribution;
    private readonly nint _race;
    private readonly nint _guess;
    private readonly int _vocabulary;

    public SamplingKernels(CudaContext context, KernelLibrary kernels, int vocabulary)
    {
        _context = context;
        _vocabulary = vocabulary;
        _distribution = kernels.Function("distribution");
        _race = kernels.Function("race");
        _guess = kernels.Function("guess");
    }

    /// <summary>Turns logits into probabilities, and writes the keys of the tokens that rows draw from them.</summary>
    /// <param name="memory">Has the logits of the rows.</param>
    /// <param name="first">From which of its rows on.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="sampling"><see cref="SamplingParameters"/> in device memory.</param>
    public void Draw(LogitMemory memory, int first, in RowPointers rows, int count, ulong sampling)
    {
        var distribution = default(KernelArguments);
        distribution.Add(memory.LogitsOf(first));
        distribution.Add(memory.ValidOf(first));
        distribution.Add(rows.Positions);
        distribution.Add(sampling);
        distribution.Add(count);
        distribution.Add(_vocabulary);
        distribution.Add(_vocabulary);
        _context.Launch(_distribution, (count, 1, 1), Threads, ref distribution);

        var race = default(KernelArguments);
        race.Add(rows.Best);
        race.Add(memory.LikelihoodsOf(first));
        race.Add(memory.LogitsOf(first));
        race.Add(memory.ValidOf(first));
        race.Add(rows.Positions);
        race.Add(sampling);
        race.Add(count);
        race.Add(_vocabulary);
        race.Add(_vocabulary);
        _context.Launch(_race, (count, 1, 1), Threads, ref race);
    }

    /// <summary>Writes the keys of rows' most likely tokens, and their likelihoods at temperature 1.</summary>
    /// <param name="memory">Has the logits of the rows.</param>
    /// <param name="first">From which of its rows on.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="ids">Device memory {count, id, ...}; 0: all tokens.</param>
    /// <param name="own">Likewise: further ones.</param>
    public void Guess(LogitMemory memory, int first, in RowPointers rows, int count, ulong ids, ulong own)
    {
        var arguments = default(KernelArguments);
        arguments.Add(rows.Best);
        arguments.Add(memory.LikelihoodsOf(first));
        arguments.Add(memory.LogitsOf(first));
        arguments.Add(rows.Positions);
        arguments.Add(ids);
        arguments.Add(own);
        arguments.Add(count);
        arguments.Add(_vocabulary);
        arguments.Add(_vocabulary);
        _context.Launch(_guess, (count, 1, 1), Threads, ref arguments);
    }
}
