using System.Diagnostics;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>Logits of a run of panels and, while they are in the cache, the greatest of them for each row.</summary>
internal sealed class HeadJob(WeightMatrix head) : ParallelJob
{
    private readonly QuickerWay _oneRow = new();
    private RowsView _x;
    private int _panels;
    private int[] _best = [];

    /// <summary>Logits of the last run.</summary>
    public RowsView Logits { get; private set; }

    /// <summary>logits = W x over all rows of <paramref name="x"/>.</summary>
    public void Run(ComputePool pool, RowQuantizer quantizer, in RowsView x, in RowsView logits)
    {
        (_x, Logits) = (quantizer.For(pool, head, x), logits);
        _panels = head.PanelsPerChunk(pool.Threads, x.Count);
        var chunks = (head.Panels + _panels - 1) / _panels;
        if (_best.Length < chunks * x.Count)
        {
            _best = new int[chunks * x.Count];
        }

        if (x.Count > 1 || head.Bytes > QuickerWay.MostBytesAlone)
        {
            pool.Run(this, chunks);
            return;
        }

        var began = Stopwatch.GetTimestamp();
        var isAlone = _oneRow.TakesFirst();
        if (isAlone)
        {
            pool.RunAlone(this, chunks);
        }
        else
        {
            pool.Run(this, chunks);
        }

        _oneRow.Took(isAlone, began, units: 1);
    }

    /// <summary>The most likely token of a row of the last run; of equals the lowest id; -1 where all logits are NaN.</summary>
    public int Best(int row)
    {
        var logits = Logits.Row(row, head.Outputs);
        var best = _best[row];
        for (var chunk = 1; chunk < ChunkCount; chunk++)
        {
            var candidate = _best[(chunk * _x.Count) + row];
            best = logits[candidate] > logits[best] || float.IsNaN(logits[best]) ? candidate : best;
        }

        return float.IsNaN(logits[best]) ? -1 : best;
    }

    public override void Run(int chunk, int worker)
    {
        var from = chunk * _panels;
        var to = Math.Min(from + _panels, head.Panels);
        head.Multiply(from, to, _x.Count, _x, Logits, accumulate: false);

        var start = from * PanelKernel.Width;
        var length = Math.Min(to * PanelKernel.Width, head.Outputs) - start;
        for (var row = 0; row < _x.Count; row++)
        {
            _best[(chunk * _x.Count) + row] = start + ArgMax.Of(Logits.Row(row, head.Outputs).Slice(start, length));
        }
    }
}
