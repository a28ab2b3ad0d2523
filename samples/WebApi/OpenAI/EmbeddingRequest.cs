using System.Text.Json;

namespace WebApi.OpenAI;

/// <summary>The body of <c>POST /v1/embeddings</c>.</summary>
/// <param name="Input">A text or an array of texts.</param>
/// <param name="Model">The host's model, or nothing.</param>
/// <param name="Dimensions">How many of the vector's to give.</param>
/// <param name="EncodingFormat"><c>float</c> or <c>base64</c>.</param>
internal sealed record EmbeddingRequest(JsonElement Input, string? Model, int? Dimensions, string? EncodingFormat)
{
    public static ValueTask<EmbeddingRequest?> BindAsync(HttpContext caller) => RequestBody.ReadAsync(caller, Wire.Default.EmbeddingRequest);

    /// <exception cref="ArgumentException">The input is not of texts, or of none or too many.</exception>
    public List<string> Texts()
    {
        switch (JsonInput.Readable(Input, "input").ValueKind)
        {
            case JsonValueKind.String:
                return [Input.GetString()!];
            case JsonValueKind.Array when Input.GetArrayLength() == 0:
                throw new ArgumentException("input is empty, expected a text or an array of at least one.");
            case JsonValueKind.Array when Input.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String):
                RequestLimits.Require(Input.GetArrayLength(), RequestLimits.EmbeddingInputs, "The number of texts in input");
                return [.. Input.EnumerateArray().Select(static item => item.GetString()!)];
            case JsonValueKind.Undefined:
                throw new ArgumentException("input is missing, expected a text or an array of texts.");
            default:
                throw new ArgumentException($"input is {JsonInput.Excerpt(Input)}, expected a text or an array of texts.");
        }
    }
}
