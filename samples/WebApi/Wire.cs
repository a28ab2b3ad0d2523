using System.Text.Json;
using System.Text.Json.Serialization;
using WebApi.OpenAI;

namespace WebApi;

/// <summary>What is read from and written to callers.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, PropertyNameCaseInsensitive = false, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ChatInput))]
[JsonSerializable(typeof(ChatOutput))]
[JsonSerializable(typeof(HealthOutput))]
[JsonSerializable(typeof(ErrorOutput))]
[JsonSerializable(typeof(ErrorEvent))]
[JsonSerializable(typeof(CompletionRequest))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(Completion))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(EmbeddingRequest))]
[JsonSerializable(typeof(EmbeddingList))]
[JsonSerializable(typeof(float[]))]
internal sealed partial class Wire : JsonSerializerContext;
