using System.Text.Json;

namespace WebApi.OpenAI;

/// <summary>The answer of <c>POST /v1/embeddings</c>.</summary>
internal sealed record EmbeddingList(string Object, IReadOnlyList<EmbeddingEntry> Data, string Model, EmbeddingUsage Usage);

/// <summary>One text's embedding: numbers, or their bytes in base64.</summary>
internal sealed record EmbeddingEntry(string Object, int Index, JsonElement Embedding);

internal sealed record EmbeddingUsage(long PromptTokens, long TotalTokens);
