using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>The kernels that turn keys into tokens.</summary>
internal sealed class ChoiceKernels
{
    private readonly CudaContext _context;
    private readonly nint _choose;
    private readonly nint _draftNext;
    private readonly nint _accept;

    public ChoiceKernels(CudaContext context, KernelLibrary kernels)
    {
        _context = context;
        _choose = kernels.Function("choose");
        _draftNext = kernels.Function("draft_next");
        _accept = kernels.Function("accept");
    }

    /// <summary>The tokens of rows' keys, which are 0 afterwards.</summary>
    /// <param name="choices">int [count]; -1 where all logits were NaN.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    public void Choose(ulong choices, in RowPointers rows, int count)
    {
        var arguments = default(KernelArguments);
        arguments.Add(choices);
        arguments.Add(rows.Best);
        arguments.Add(rows.Positions);
        arguments.Add(count);
        _context.Launch(_choose, (Geometry.Blocks(count, 64), 1, 1), 64, ref arguments);
    }

    /// <summary>Places the token that a slot's key names in the next slot, or no row there where the draft ends.</summary>
    /// <param name="rows">From the round's slot 0 on.</param>
    /// <param name="stops">{count, id, ...}</param>
    /// <param name="room">Most tokens of the draft.</param>
    /// <param name="likelihood">float: how likely the token is; 0: nobody judges it.</param>
    /// <param name="lastBelow">double: below that it is the draft's last.</param>
    /// <param name="slot">The slot.</param>
    public void DraftNext(in RowPointers rows, ulong stops, ulong room, ulong likelihood, ulong lastBelow, int slot)
    {
        var arguments = default(KernelArguments);
        arguments.Add(rows.Tokens);
        arguments.Add(rows.Positions);
        arguments.Add(rows.Tables);
        arguments.Add(rows.Best);
        arguments.Add(stops);
        arguments.Add(room);
        arguments.Add(likelihood);
        arguments.Add(lastBelow);
        arguments.Add(slot);
        _context.Launch(_draftNext, (1, 1, 1), 1, ref arguments);
    }

    /// <summary>Compares the draft with the full model's keys, which are 0 afterwards.</summary>
    /// <param name="result">{drafted, accepted, next, position of slot 0, drafted tokens ...}</param>
    /// <param name="rows">From the round's slot 0 on.</param>
    /// <param name="slots">The last input and the draft at its longest.</param>
    public void Accept(ulong result, in RowPointers rows, int slots)
    {
        var arguments = default(KernelArguments);
        arguments.Add(result);
        arguments.Add(rows.Tokens);
        arguments.Add(rows.Positions);
        arguments.Add(rows.Best);
        arguments.Add(slots);
        _context.Launch(_accept, (1, 1, 1), 1, ref arguments);
    }
}
