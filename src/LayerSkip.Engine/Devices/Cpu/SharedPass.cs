namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Rows of several sequences in one pass: each joins at the layer that it stands before. Used under the model's gate.</summary>
/// <remarks>What a row computes depends on it and its cache alone (invariant I1), so it does not matter whose rows it shares a pass with.</remarks>
/// <param name="model">The model.</param>
internal sealed class SharedPass(CpuModel model) : IDisposable
{
    /// <summary>Most rows of a shared pass, as many as <see cref="LayerPass"/> takes: with more, nothing is won, since arithmetic then takes far longer than reading the weights.</summary>
    public const int MostRows = 32;

    private readonly ActivationBuffer _asked = new(model.Config.HiddenSize);
    private CpuRows? _rows;

    /// <summary>Runs passes as one.</summary>
    /// <param name="passes">As <see cref="IDeviceModel.RunPasses"/> wants them.</param>
    public void Run(ReadOnlySpan<RowPass> passes)
    {
        var rows = _rows ??= new CpuRows(model, MostRows);
        var count = 0;
        try
        {
            for (var joined = 0; joined < passes.Length;)
            {
                var layer = passes[joined].From;
                for (; joined < passes.Length && passes[joined].From == layer; joined++)
                {
                    rows.Take(count, model.Own(passes[joined].Rows), passes[joined].Start, passes[joined].Count);
                    count += passes[joined].Count;
                }

                // Rows that nobody looks at are few here, and those of one sequence stand between others': they go through the last layer with them.
                var next = joined < passes.Length ? passes[joined].From : passes[0].To;
                model.Run(rows, 0, count, layer, next, unread: 0, CancellationToken.None);
            }

            GiveBack(rows, passes);
            if (Ask(rows, passes, draftHead: false) is { Count: > 0 } all)
            {
                model.Heads.Answer(all, passes);
            }

            if (Ask(rows, passes, draftHead: true) is { Count: > 0 } drafts)
            {
                model.Heads.Guess(drafts, passes);
            }
        }
        finally
        {
            rows.Forget(count);
        }
    }

    public void Dispose()
    {
        _rows?.Dispose();
        _asked.Dispose();
    }

    private void GiveBack(CpuRows rows, ReadOnlySpan<RowPass> passes)
    {
        var slot = 0;
        foreach (var pass in passes)
        {
            model.Own(pass.Rows).TakeStates(pass.Start, rows, slot, pass.Count);
            slot += pass.Count;
        }
    }

    /// <summary>The rows, side by side, about which a head is asked.</summary>
    /// <param name="rows">Those of all passes.</param>
    /// <param name="passes">The passes.</param>
    /// <param name="draftHead">Whether that of drafts is meant, or the whole one.</param>
    private RowsView Ask(CpuRows rows, ReadOnlySpan<RowPass> passes, bool draftHead)
    {
        var asked = _asked.Rows(MostRows);
        var (slot, count) = (0, 0);
        foreach (var pass in passes)
        {
            if (pass.AsksHead && pass.GuessHead is not null == draftHead)
            {
                rows.Hidden.Slice(slot + pass.Unread, pass.Read).CopyTo(asked.Slice(count, pass.Read));
                count += pass.Read;
            }

            slot += pass.Count;
        }

        return asked.Slice(0, count);
    }
}
