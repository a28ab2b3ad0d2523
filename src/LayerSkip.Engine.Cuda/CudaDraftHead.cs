using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>
/// Which of the head's rows a sequence's drafts look at: the checkpoint's list, which all sequences share, and the prompt's tokens that it lacks, which go to the
/// device with each round.
/// </summary>
internal sealed class CudaDraftHead(CudaModel model, List<int> own) : DraftHead
{
    /// <summary>The model whose head it is of.</summary>
    public CudaModel Model { get; } = model;

    /// <summary>{count, id, ...}: the prompt's.</summary>
    public int[] Own { get; } = [own.Count, .. own];

    public override void Dispose()
    {
        // It holds nothing on the device.
    }
}
