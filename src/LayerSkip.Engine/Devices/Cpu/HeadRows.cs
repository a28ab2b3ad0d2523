using LayerSkip.Engine.Devices.Cpu.Jobs;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Some rows of a head, packed by themselves.</summary>
internal sealed unsafe class HeadRows : IDisposable
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

    /// <summary>Bytes of the packed rows.</summary>
    public long Bytes => _memory.Bytes;

    /// <summary>The tokens.</summary>
    public IReadOnlySet<int> Tokens => _known;

    /// <summary>The most likely of the tokens, its logit, and the sum of e^(logit - its own) over all of them; -1 and NaN where all logits are NaN.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="quantizer">Where the row is quantised, if the head is.</param>
    /// <param name="normed">One row, [hidden].</param>
    /// <param name="logits">One row as wide as the tokens' panels; overwritten.</param>
    public (int Token, float Logit, double Sum) Best(ComputePool pool, RowQuantizer quantizer, in RowsView normed, in RowsView logits)
    {
        _job.Run(pool, quantizer, normed, logits);
        var best = _job.Best(0);
        if (best < 0)
        {
            return (-1, float.NaN, 0);
        }

        var all = logits.Row(0, _tokens.Length);
        return (_tokens[best], all[best], SoftmaxSum.Of(all, all[best]));
    }

    public void Dispose() => _memory.Dispose();
}
