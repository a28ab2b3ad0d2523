namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>What one sequence's drafts guess by: the head's rows of the checkpoint's draft vocabulary and, by themselves, those of the prompt's tokens that it lacks; or a coarse head.</summary>
internal sealed class CpuDraftHead(CpuModel model, HeadRows? shared, HeadRows? own) : DraftHead
{
    /// <summary>The model whose head it is of.</summary>
    public CpuModel Model { get; } = model;

    /// <summary>Of the checkpoint's draft vocabulary, which all sequences share; null: the model's coarse head, which is made for the first guess by it.</summary>
    public HeadRows? Shared { get; } = shared;

    /// <summary>Of the prompt's other tokens, if there are any.</summary>
    public HeadRows? Own { get; } = own;

    public override void Dispose() => Own?.Dispose();
}
