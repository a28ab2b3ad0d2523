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

        // Named here: the abstraction's own error does not say of what.
        if (request.Dimensions < 1)
        {
            throw new ArgumentException($"dimensions is {request.Dimensions}, expected at least 1.");
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
