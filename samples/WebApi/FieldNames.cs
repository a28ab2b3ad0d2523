using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace WebApi;

/// <summary>Names in the client's errors what callers over HTTP know by other names.</summary>
internal static partial class FieldNames
{
    private static readonly FrozenDictionary<string, string> s_fields = new Dictionary<string, string>
    {
        ["ChatOptions.StopSequences"] = "stop",
        ["ChatOptions.Tools"] = "tools",
        ["ChatOptions.ToolMode"] = "tool_choice",
        ["ChatOptions.ResponseFormat"] = "response_format",
        ["ChatOptions.Reasoning.Effort"] = "reasoning_effort",
        ["Temperature"] = "temperature",
        ["TopP"] = "top_p",
        ["The frequency penalty"] = "frequency_penalty",
        ["The presence penalty"] = "presence_penalty",
        ["ExitLayer"] = "exit_layer",
        ["NumSpeculations"] = "num_speculations",
        ["TopLogProbabilities"] = "top_logprobs",
        ["Dimensions"] = "dimensions",
        [" (JsonElement)"] = string.Empty, // a value's type
    }.ToFrozenDictionary();

    /// <summary>A message with the names of fields in place of .NET's.</summary>
    public static string Translate(string message) => Names().Replace(message, static match =>
        match.Groups["setting"] is { Success: true, Value: var setting } ? setting
        : match.Groups["value"] is { Success: true, Value: var value } ? $"input[{value}]"
        : s_fields.GetValueOrDefault(match.Value, match.Value));

    /// <summary>Options by their full names anywhere, others where a message begins with what it is about: further on it may repeat what a caller wrote.</summary>
    [GeneratedRegex("""ChatOptions\.AdditionalProperties\["(?<setting>\w+)"\]|ChatOptions\.(Reasoning\.)?\w+|^The \w+ penalty|^Value (?<value>\d+)|^\w+| \(JsonElement\)(?=, expected)""")]
    private static partial Regex Names();
}
