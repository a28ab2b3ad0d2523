namespace LayerSkip.Engine.Decoding;

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>It has not ended.</summary>
    None,

    /// <summary>An end-of-sequence or stop token was generated; it is the last token of the output.</summary>
    Stop,

    /// <summary>The output is a text of <see cref="DecodingOptions.Constraint"/>, and nothing may follow it.</summary>
    Complete,

    /// <summary>The output reached its maximum of new tokens, or was completed early because it came near.</summary>
    MaxNewTokens,

    /// <summary>Prompt and output together fill the model's context, or the output was completed early because its end came near.</summary>
    ContextEnd,
}
