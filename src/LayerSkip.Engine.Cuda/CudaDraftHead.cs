using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>Which of the head's rows a sequence's drafts look at: the checkpoint's list, which all sequences share, and the prompt's tokens that it lacks.</summary>
internal sealed class CudaDraftHead(CudaModel model, int[] own, ulong ownList) : DraftHead
{
    /// <summary>Most tokens of a prompt that are added: the draft's head must stay small.</summary>
    public const int MaxOwn = 256;

    private bool _disposed;

    ~CudaDraftHead() => Return();

    /// <summary>The model whose head it is of.</summary>
    public CudaModel Model { get; } = model;

    /// <summary>{count, id, ...}: the prompt's.</summary>
    public int[] Own { get; } = own;

    /// <summary>The same in device memory.</summary>
    public ulong OwnList { get; } = ownList;

    public override void Dispose()
    {
        Return();
        GC.SuppressFinalize(this);
    }

    private void Return()
    {
        if (!_disposed)
        {
            _disposed = true;
            Model.DraftLists.Return(OwnList);
        }
    }
}
