using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Rows of several sequences in one pass: each joins at the layer that it stands before. Used under the model's gate.</summary>
/// <remarks>What a row computes depends on it and its cache alone (invariant I1), so it does not matter whose rows it shares a pass with.</remarks>
/// <param name="model">The model.</param>
internal sealed class SharedPass(CpuModel model) : IDisposable
{
    /// <summary>Most rows of a shared pass, as many as <see cref="LayerPass"/> takes: with more, nothing is won, since arithmetic then takes far longer than reading the weights.</summary>
    public const int MostRows = 32;

    private readonly ActivationBuffer _asked = new(model.Config.HiddenSize);
    private readonly List<RowPass> _askers = [];
    private CpuRows? _rows;

    private ReadOnlySpan<RowPass> Asked => CollectionsMarshal.AsSpan(_askers);

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
            if (Ask(rows, passes, Kind.Head) is { Count: > 0 } all)
            {
                model.Heads.Answer(all, Asked);
            }

            if (Ask(rows, passes, Kind.DraftHead) is { Count: > 0 } guessed)
            {
                model.Heads.Guess(guessed, Asked, model.GuessingHeadOf(Asked[0].GuessHead!)!);
            }

            if (Ask(rows, passes, Kind.DraftLogits) is { Count: > 0 } near)
            {
                model.Heads.DraftLogits(near, Asked, model.MakeCoarseHead()!);
            }
        }
        finally
        {
            rows.Forget(count);
            _askers.Clear();
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

    /// <summary>Gathers the rows, side by side, about which a kind of question is asked, and who asks.</summary>
    private RowsView Ask(CpuRows rows, ReadOnlySpan<RowPass> passes, Kind kind)
    {
        _askers.Clear();
        var asked = _asked.Rows(MostRows);
        var (slot, count) = (0, 0);
        foreach (var pass in passes)
        {
            if (KindOf(pass) == kind)
            {
                rows.Hidden.Slice(slot + pass.Unread, pass.Read).CopyTo(asked.Slice(count, pass.Read));
                count += pass.Read;
                _askers.Add(pass);
            }

            slot += pass.Count;
        }

        return asked.Slice(0, count);
    }

    private Kind KindOf(in RowPass pass) =>
        !pass.AsksHead ? Kind.None
        : pass.GuessHead is { } head && model.GuessingHeadOf(head) is not null ? Kind.DraftHead
        : pass.IsDraft && model.MakeCoarseHead() is not null ? Kind.DraftLogits
        : Kind.Head;

    /// <summary>What a pass asks about its rows.</summary>
    private enum Kind
    {
        None,
        Head,
        DraftHead,
        DraftLogits,
    }
}
