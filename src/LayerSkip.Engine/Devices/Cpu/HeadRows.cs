using LayerSkip.Engine.Devices.Cpu.Jobs;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Some rows of a head, packed by themselves.</summary>
internal sealed unsafe class HeadRows : GuessingHead
{
    private readonly int[] _tokens;
    private readonly HashSet<int> _known;
    private readonly NativeBuffer _memory;
    private readonly HeadJob _job;

    /// <param name="head">[vocabulary, hidden]</param>
    /// <param name="tokens">At least one, each within the vocabulary.</param>
    /// <param name="kernel">How they are kept: the head's own, or one of blocks, to which they are rounded.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is outside the vocabulary.</exception>
    public HeadRows(WeightMatrix head, int[] tokens, PanelKernel kernel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)tokens.Max(static token => (uint)token), (uint)head.Outputs, nameof(tokens));
        _tokens = tokens;
        _known = [.. tokens];
        _memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, tokens.Length, head.Inputs));
        try
        {
            var rows = new WeightMatrix(_memory.Pointer, kernel, tokens.Length, head.Inputs);
            if (kernel == head.Kernel.Uncompressed)
            {
                rows.CopyRows(head, tokens);
            }
            else
            {
                rows.Round(head, threads: 1, tokens);
            }

            _job = new HeadJob(rows);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

    /// <summary>How those of a checkpoint's draft vocabulary are kept: a guess asks all of them, so that bytes are read sooner than floats, and rarely is it another one.</summary>
    public static PanelKernel DraftKernel(PanelKernel head, SimdPath path) =>
        CoarseLayers.Suits(head.Format) ? PanelKernel.Create(WeightFormat.Int8, DotPaths.Of(WeightFormat.Int8, path)) : head.Uncompressed;

    public override long Bytes => _memory.Bytes;

    /// <summary>The tokens.</summary>
    public IReadOnlySet<int> Tokens => _known;

    public override void Guess(ComputePool pool, RowQuantizer quantizer, in RowsView normed, in RowsView logits, Span<HeadGuess> guesses)
    {
        _job.Run(pool, quantizer, normed, logits);
        for (var row = 0; row < normed.Count; row++)
        {
            var best = _job.Best(row);
            var all = logits.Row(row, _tokens.Length);
            guesses[row] = best < 0 ? new(-1, float.NaN, 0) : new(_tokens[best], all[best], SoftmaxSum.Of(all, all[best]));
        }
    }

    public override void Dispose() => _memory.Dispose();
}
