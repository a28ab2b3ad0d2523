using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace WebApi.OpenAI;

/// <summary><c>POST /v1/embeddings</c>.</summary>
internal static class EmbeddingEndpoints
{
    public static void MapEmbeddings(this IEndpointRouteBuilder routes) => routes.MapPost("/v1/embeddings", static async (
        EmbeddingRequest request, IEmbeddingGenerator<string, Embedding<float>> generator, CancellationToken cancellationToken) =>
    {
        var model = generator.GetService<EmbeddingGeneratorMetadata>()?.DefaultModelId ?? string.Empty;
        ModelNotFoundException.ThrowIfNot(model, request.Model);
        if (request.EncodingFormat is not (null or "float" or "base64"))
        {
            throw new ArgumentException($"encoding_format is '{request.EncodingFormat}', expected float or base64.");
        }

        var embeddings = await generator.GenerateAsync(request.Texts(), new() { Dimensions = request.Dimensions }, cancellationToken);
        var tokens = embeddings.Usage?.InputTokenCount ?? 0;
        return new EmbeddingList(
            "list",
            [.. embeddings.Select((embedding, i) => new EmbeddingEntry("embedding", i, Encode(embedding.Vector, request.EncodingFormat == "base64")))],
            model,
            new EmbeddingUsage(tokens, tokens));
    });

    private static JsonElement Encode(ReadOnlyMemory<float> vector, bool asBase64) => asBase64
        ? JsonElement.Parse($"\"{Convert.ToBase64String(MemoryMarshal.AsBytes(vector.Span))}\"")
        : JsonSerializer.SerializeToElement(vector.ToArray(), Wire.Default.SingleArray);
}

/// <param name="Input">A text or an array of texts.</param>
/// <param name="Model">The host's model, or nothing.</param>
/// <param name="Dimensions">How many of the vector's to give.</param>
/// <param name="EncodingFormat"><c>float</c> or <c>base64</c>.</param>
internal sealed record EmbeddingRequest(JsonElement Input, string? Model, int? Dimensions, string? EncodingFormat)
{
    public IEnumerable<string> Texts() => Input.ValueKind switch
    {
        JsonValueKind.String => [Input.GetString()!],
        JsonValueKind.Array when Input.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String) => Input.EnumerateArray().Select(static item => item.GetString()!),
        JsonValueKind.Undefined => throw new ArgumentException("input is missing, expected a text or an array of texts."),
        _ => throw new ArgumentException($"input is {RequestReader.Excerpt(Input)}, expected a text or an array of texts."),
    };
}

internal sealed record EmbeddingList(string Object, IReadOnlyList<EmbeddingEntry> Data, string Model, EmbeddingUsage Usage);

internal sealed record EmbeddingEntry(string Object, int Index, JsonElement Embedding);

internal sealed record EmbeddingUsage(long PromptTokens, long TotalTokens);
