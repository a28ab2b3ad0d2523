namespace LayerSkip.Engine.Tokenization.Bpe;

/// <summary>The model's switches in <c>tokenizer.json</c>.</summary>
internal sealed record BpeOptions
{
    /// <summary><c>ignore_merges</c>: a piece that is itself a token is taken whole.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Ids of the 256 tokens <c>&lt;0x00&gt;</c>..<c>&lt;0xFF&gt;</c> (-1 where missing) under <c>byte_fallback</c>, or null.</summary>
    public int[]? ByteIds { get; init; }

    /// <summary>Id of <c>unk_token</c>, or null: unknown characters are then dropped.</summary>
    public int? UnknownId { get; init; }

    /// <summary><c>fuse_unk</c>: adjacent unknown characters become one unknown token.</summary>
    public bool FuseUnknown { get; init; }
}
