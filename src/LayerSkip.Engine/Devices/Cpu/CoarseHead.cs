using System.Numerics;
using LayerSkip.Engine.Devices.Cpu.Jobs;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// The whole head once more, in four bits and their scales: a draft's step that memory bounds reads a half of it, or, of float32, a sixth. Where the likeliest tokens are then
/// known, their logits are computed as they are, so that it rarely guesses another token than the head would; and a guess may be wrong.
/// </summary>
internal sealed unsafe class CoarseHead : GuessingHead
{
    /// <summary>A smaller head stays in the caches, where nothing is won.</summary>
    private const long LeastBytes = 8 << 20;

    /// <summary>Panels that are computed as they are.</summary>
    private const int ExactPanels = 8;

    private readonly WeightMatrix _head;
    private readonly NativeBuffer _memory;
    private readonly HeadJob _job;

    /// <param name="head">[vocabulary, hidden].</param>
    /// <param name="path">Vector width of the kernels.</param>
    /// <param name="threads">Threads to pack with.</param>
    /// <exception cref="OutOfMemoryException">There is no room for it.</exception>
    public CoarseHead(WeightMatrix head, SimdPath path, int threads)
    {
        _head = head;
        var kernel = PanelKernel.Create(WeightFormat.Int4, DotPaths.Of(WeightFormat.Int4, path));
        _memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, head.Outputs, head.Inputs));
        try
        {
            var coarse = new WeightMatrix(_memory.Pointer, kernel, head.Outputs, head.Inputs);
            coarse.Round(head, threads);
            _job = new HeadJob(coarse);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

    public override long Bytes => _memory.Bytes;

    /// <summary>Whether a head is so large that drafts gain by a coarse one.</summary>
    public static bool Suits(WeightMatrix head) => head.Kernel.Format != WeightFormat.Int4 && head.Bytes >= LeastBytes;

    public override void Guess(ComputePool pool, RowQuantizer quantizer, in RowsView normed, in RowsView logits, Span<HeadGuess> guesses) =>
        Run(pool, quantizer, normed, logits, guesses);

    /// <summary>The logits of some rows, near the head's own.</summary>
    /// <inheritdoc cref="Guess"/>
    public void Logits(ComputePool pool, RowQuantizer quantizer, in RowsView normed, in RowsView logits) => Run(pool, quantizer, normed, logits, guesses: []);

    public override void Dispose() => _memory.Dispose();

    /// <param name="pool">The threads.</param>
    /// <param name="quantizer">Quantises rows.</param>
    /// <param name="normed">[rows, hidden].</param>
    /// <param name="logits">Takes the logits.</param>
    /// <param name="guesses">One for each row, or none: nobody asks.</param>
    private void Run(ComputePool pool, RowQuantizer quantizer, in RowsView normed, in RowsView logits, Span<HeadGuess> guesses)
    {
        _job.Run(pool, quantizer, normed, logits);
        var x = quantizer.For(pool, _head, normed);
        Span<int> panels = stackalloc int[ExactPanels];
        for (var row = 0; row < normed.Count; row++)
        {
            var best = -1;
            var all = logits.Row(row, _head.Outputs);
            foreach (var panel in panels[..Likeliest(all, panels)])
            {
                _head.Multiply(panel, panel + 1, 1, x.Slice(row, 1), logits.Slice(row, 1), accumulate: false);
                var first = panel * PanelKernel.Width;
                var among = first + ArgMax.Of(all.Slice(first, Math.Min(PanelKernel.Width, all.Length - first)));
                best = best < 0 || all[among] > all[best] ? among : best;
            }

            if (guesses.IsEmpty)
            {
                continue;
            }

            guesses[row] = best < 0 || float.IsNaN(all[best]) ? new(-1, float.NaN, 0) : new(best, all[best], SoftmaxSum.Of(all, all[best]));
        }
    }

    /// <summary>The panels with the greatest logits, from the greatest on: by the logits alone, however they were dealt to threads.</summary>
    /// <param name="logits">Of one row.</param>
    /// <param name="panels">Takes as many as there is room for.</param>
    /// <returns>How many there are: none where all logits are NaN.</returns>
    private static int Likeliest(ReadOnlySpan<float> logits, Span<int> panels)
    {
        Span<float> greatest = stackalloc float[panels.Length];
        var (count, least) = (0, float.NegativeInfinity);
        for (var panel = 0; panel * PanelKernel.Width < logits.Length; panel++)
        {
            var own = logits.Slice(panel * PanelKernel.Width, Math.Min(PanelKernel.Width, logits.Length - (panel * PanelKernel.Width)));
            if (!IsAnyAbove(own, least))
            {
                continue;
            }

            var best = own[ArgMax.Of(own)];
            var place = count;
            while (place > 0 && best > greatest[place - 1])
            {
                place--;
            }

            count = Math.Min(count + 1, panels.Length);
            greatest[place..(count - 1)].CopyTo(greatest[(place + 1)..count]);
            panels[place..(count - 1)].CopyTo(panels[(place + 1)..count]);
            (greatest[place], panels[place]) = (best, panel);
            least = count == panels.Length ? greatest[^1] : least;
        }

        return count;
    }

    private static bool IsAnyAbove(ReadOnlySpan<float> logits, float least)
    {
        var i = 0;
        for (; i <= logits.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            if (Vector.GreaterThanAny(new Vector<float>(logits[i..]), new Vector<float>(least)))
            {
                return true;
            }
        }

        for (; i < logits.Length; i++)
        {
            if (logits[i] > least)
            {
                return true;
            }
        }

        return false;
    }
}
