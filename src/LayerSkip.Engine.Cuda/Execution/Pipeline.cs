using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>Runs rows over layers that lie on several GPUs, or on one. Between steps the first has the hidden states: it embeds, and it chooses tokens.</summary>
/// <remarks>
/// Used under the model's gate, the first GPU's context being the thread's before each step, and after one that did not throw. When a step ends, nothing that passed between GPUs is
/// under way any more, and an error on any but the first has been thrown.
/// </remarks>
internal sealed class Pipeline(CudaStage[] stages, Geometry geometry)
{
    /// <summary>Rotary angles of rows.</summary>
    /// <param name="rows">The rows, placed.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="embedded">Whether the first GPU has embedded them, and with that has their angles.</param>
    public void Turn(CudaRows rows, int start, int count, bool embedded)
    {
        for (var stage = embedded ? 1 : 0; stage < stages.Length; stage++)
        {
            Enter(stage);
            stages[stage].Transformer.Turn(rows.Pointers(start, count, stage), count);
        }

        Enter(0);
    }

    /// <summary>Runs the layers [from, to) over slots.</summary>
    public void Run(CudaRows rows, int start, int count, int from, int to, CancellationToken cancellationToken)
    {
        var spans = Geometry.Spans(rows.Context(start, count));
        try
        {
            var at = 0;
            for (var stage = 0; stage < stages.Length; stage++)
            {
                if (from >= stages[stage].End || to <= stages[stage].First)
                {
                    continue;
                }

                if (stage > at)
                {
                    Forward(rows, start, count, at, stage);
                    at = stage;
                }

                stages[stage].Run(rows.Pointers(start, count, stage), count, from, to, spans, cancellationToken);
            }

            if (at > 0)
            {
                Return(rows, start, count, at);
            }
        }
        catch when (stages.Length > 1)
        {
            foreach (var stage in stages)
            {
                stage.Context.Settle();
            }

            throw;
        }
    }

    /// <summary>A GPU takes over hidden states once the one that has them is through with them.</summary>
    private void Forward(CudaRows rows, int start, int count, int from, int to)
    {
        var (source, target) = (stages[from].Context, stages[to].Context);
        source.Synchronize();
        target.Enter();
        Copy(target, rows, start, count, from, to);
    }

    /// <summary>The last GPU gives hidden states back to the first, which has been waited for.</summary>
    private void Return(CudaRows rows, int start, int count, int from)
    {
        var source = stages[from].Context;
        Copy(source, rows, start, count, from, 0);
        source.Synchronize();
        stages[0].Context.Enter();
    }

    private void Enter(int stage)
    {
        if (stages.Length > 1)
        {
            stages[stage].Context.Enter();
        }
    }

    private void Copy(CudaContext stream, CudaRows rows, int start, int count, int from, int to) => stream.Copy(
        rows.Pointers(start, count, to).Hidden,
        stages[to].Context,
        rows.Pointers(start, count, from).Hidden,
        stages[from].Context,
        (long)count * geometry.Hidden * sizeof(float));
}
