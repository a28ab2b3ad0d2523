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
    /// <exception cref="ArgumentOutOfRangeException">A token is outside the vocabulary.</exception>
    public HeadRows(WeightMatrix head, int[] tokens)
    {
        _tokens = tokens;
        _known = [.. tokens];
        var kernel = head.Kernel.Uncompressed;
        _memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, tokens.Length, head.Inputs));
        try
        {
            var rows = new WeightMatrix(_memory.Pointer, kernel, tokens.Length, head.Inputs);
            rows.CopyRows(head, tokens);
            _job = new HeadJob(rows);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

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
