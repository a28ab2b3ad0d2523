namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>Which of the well-known splitting expressions <see cref="GptPattern"/> follows.</summary>
internal enum GptDialect
{
    Gpt2,
    Llama3,
    Qwen2,
}
