using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>Rows of several sequences in one pass: each joins at the layer that it stands before. Used under the model's gate.</summary>
/// <remarks>What a row computes depends on it and its cache alone (invariant I1), so it does not matter whose rows it shares a pass with.</remarks>
/// <param name="model">The model.</param>
/// <param name="pipeline">Its layers.</param>
/// <param name="heads">Its head.</param>
internal sealed class SharedPass(CudaModel model, Pipeline pipeline, HeadPasses heads) : IDisposable
{
    /// <summary>Most rows of a shared pass: as many as a pass of the head takes, and none that need the kernels for tiles.</summary>
    public const int MostRows = 64;

    /// <summary>Most rows of a shared pass of prompts: as many as a turn of the engine has.</summary>
    public const int MostPromptRows = Generation.PrefillRows;

    private readonly CudaRows _rows = new(model, MostRows, areApart: true);

    // Of a prompt many rows stand together.
    private readonly CudaRows _promptRows = new(model, MostPromptRows);

    /// <summary>Runs passes as one.</summary>
    /// <param name="passes">As <see cref="IDeviceModel.RunPasses"/> wants them.</param>
    public void Run(ReadOnlySpan<RowPass> passes)
    {
        var (rows, count) = (passes[0].IsPrompt ? _promptRows : _rows, 0);
        try
        {
            for (var joined = 0; joined < passes.Length;)
            {
                var (first, layer) = (count, passes[joined].From);
                for (; joined < passes.Length && passes[joined].From == layer; joined++)
                {
                    rows.Take(count, model.Own(passes[joined].Rows), passes[joined].Start, passes[joined].Count);
                    count += passes[joined].Count;
                }

                rows.WritePlaces(first, count - first);
                pipeline.Turn(rows, first, count - first, embedded: false);
                pipeline.Run(rows, 0, count, layer, joined < passes.Length ? passes[joined].From : passes[0].To, CancellationToken.None);
            }

            if (rows == _rows)
            {
                GiveBack(passes);
                heads.Answer(rows, count, passes);
            }
        }
        finally
        {
            rows.Forget(count);
        }
    }

    public void Dispose()
    {
        _rows.Dispose();
        _promptRows.Dispose();
    }

    private void GiveBack(ReadOnlySpan<RowPass> passes)
    {
        var slot = 0;
        foreach (var pass in passes)
        {
            model.Own(pass.Rows).TakeStates(pass.Start, _rows, slot, pass.Count);
            slot += pass.Count;
        }
    }
}
