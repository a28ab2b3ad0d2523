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

    /// <summary>The tokens, each once.</summary>
    public ReadOnlySpan<int> Ids => _ids;

    /// <summary>Device memory {count, id, ...}; 0 where it is empty.</summary>
    public ulong List { get; }

    /// <summary>{count, id, ...}: a prompt's tokens that are not among them, the latest ones if there are too many: a draft that copies mostly copies what was said last.</summary>
    public int[] Lacking(ReadOnlySpan<int> prompt, int most)
    {
        var lacking = new List<int> { 0 };
        for (var i = prompt.Length - 1; i >= 0 && lacking.Count <= most; i--)
        {
            if (!_members.Contains(prompt[i]) && lacking.IndexOf(prompt[i], 1) < 0)
            {
                lacking.Add(prompt[i]);
            }
        }

        lacking[0] = lacking.Count - 1;
        return [.. lacking];
    }
}
