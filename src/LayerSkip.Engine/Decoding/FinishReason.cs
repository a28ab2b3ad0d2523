namespace LayerSkip.Engine.Decoding;

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>It has not ended.</summary>
    None,

    /// <summary>An end-of-sequence or stop token was generated; it is the last token of the output.</summary>
    Stop,

    /// <summary>The output reached its maximum of new tokens.</summary>
    MaxNewTokens,

    /// <summary>Prompt and output together fill the model's context.</summary>
    ContextEnd,
}
