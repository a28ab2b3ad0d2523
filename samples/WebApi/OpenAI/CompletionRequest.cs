using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebApi.OpenAI;

/// <summary>The body of <c>POST /v1/chat/completions</c>, as far as it is honoured; of further fields, those that <see cref="RequestReader"/> lists reach the client.</summary>
internal sealed record CompletionRequest
{
    public string? Model { get; init; }

    public IReadOnlyList<RequestMessage?>? Messages { get; init; }

    public bool? Stream { get; init; }

    public StreamOptions? StreamOptions { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    public int? MaxTokens { get; init; }

    public int? MaxCompletionTokens { get; init; }

    public float? FrequencyPenalty { get; init; }

    public float? PresencePenalty { get; init; }

    public long? Seed { get; init; }

    public int? N { get; init; }

    public bool? ParallelToolCalls { get; init; }

    public IReadOnlyList<RequestTool?>? Tools { get; init; }

    /// <summary>A text or an array of texts.</summary>
    public JsonElement? Stop { get; init; }

    /// <summary><c>none</c>, <c>auto</c>, <c>required</c>, or an object that names a function.</summary>
    public JsonElement? ToolChoice { get; init; }

    public RequestFormat? ResponseFormat { get; init; }

    /// <summary><c>none</c>, <c>minimal</c>, <c>low</c>, <c>medium</c>, <c>high</c> or <c>xhigh</c>.</summary>
    public string? ReasoningEffort { get; init; }

    // Settable: extension data cannot be a constructor parameter, as which init-only members are read.
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }

    public static ValueTask<CompletionRequest?> BindAsync(HttpContext caller) => RequestBody.ReadAsync(caller, Wire.Default.CompletionRequest);
}

internal sealed record StreamOptions(bool? IncludeUsage);

/// <param name="Role">Who speaks.</param>
/// <param name="Content">A text, an array of parts, or null.</param>
/// <param name="Name">The speaker's name.</param>
/// <param name="ToolCallId">Which call a tool's message answers.</param>
/// <param name="ToolCalls">What the assistant called.</param>
/// <param name="ReasoningContent">What the assistant thought, as answers have it.</param>
internal sealed record RequestMessage(
    string? Role, JsonElement? Content, string? Name, string? ToolCallId, IReadOnlyList<WireToolCall?>? ToolCalls, string? ReasoningContent);

internal sealed record RequestTool(string? Type, RequestFunction? Function);

internal sealed record RequestFunction(string? Name, string? Description, JsonElement? Parameters);

internal sealed record RequestFormat(string? Type, RequestSchema? JsonSchema);

internal sealed record RequestSchema(string? Name, string? Description, JsonElement? Schema);

/// <summary>A call, in requests and answers; arguments are a JSON text.</summary>
internal sealed record WireToolCall(string? Id, string? Type, WireFunctionCall? Function, int? Index = null);

internal sealed record WireFunctionCall(string? Name, string? Arguments);
