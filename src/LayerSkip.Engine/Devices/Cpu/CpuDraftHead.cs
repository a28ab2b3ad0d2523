namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Two sets of the head's rows: the checkpoint's, which all sequences share, and those of the prompt's tokens that it lacks.</summary>
internal sealed class CpuDraftHead(CpuModel model, HeadRows shared, HeadRows? own) : DraftHead
{
    /// <summary>The model whose head it is of.</summary>
    public CpuModel Model { get; } = model;

    /// <summary>Of the checkpoint's draft vocabulary.</summary>
    public HeadRows Shared { get; } = shared;

    /// <summary>Of the prompt's other tokens, if there are any.</summary>
    public HeadRows? Own { get; } = own;

    public override void Dispose() => Own?.Dispose();
}
