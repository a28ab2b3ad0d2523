namespace LayerSkip.Engine.Tokenization;

/// <summary>What a BPE tokenizer's smallest symbols are.</summary>
public enum TokenizerFamily
{
    /// <summary>Bytes of the UTF-8 text, spelled with the 256 printable characters of GPT-2 (GPT-2, Llama 3, SmolLM, Qwen2, DeepSeek). Lossless.</summary>
    ByteLevelBpe,

    /// <summary>Unicode characters, usually with <c>▁</c> for the space and byte tokens for unknown characters (SentencePiece: Llama 2, TinyLlama, Gemma).</summary>
    SentencePieceBpe,
}
