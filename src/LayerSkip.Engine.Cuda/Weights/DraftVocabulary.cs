using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>The tokens that a checkpoint declares for its drafts to choose among, on the device and on the host; empty: all.</summary>
internal sealed class DraftVocabulary
{
    private readonly HashSet<int> _members;
    private readonly int[] _ids;

    /// <exception cref="ArgumentOutOfRangeException">A token is none of the model's.</exception>
    public DraftVocabulary(CudaContext context, ModelConfig config, IReadOnlyList<int> tokens)
    {
        _members = [.. tokens];
        _ids = [.. _members];
        TokenChecks.CheckTokens(config, _ids, nameof(tokens));
        if (!IsEmpty)
        {
            int[] list = [_ids.Length, .. _ids];
            List = context.Allocate(list.Length * sizeof(int));
            context.Write<int>(List, list);
        }
    }

    public bool IsEmpty => _ids.Length == 0;

    /// <summary>The tokens.</summary>
    public IReadOnlySet<int> Members => _members;

    /// <summary>The tokens, each once.</summary>
    public ReadOnlySpan<int> Ids => _ids;

    /// <summary>Device memory {count, id, ...}; 0 where it is empty.</summary>
    public ulong List { get; }
}
