using LayerSkip.AI.Requests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tools;

/// <summary>A request's tools, and what the model may do with them.</summary>
/// <param name="Declared">The tools that the prompt describes.</param>
/// <param name="Callable">Those that may be called.</param>
/// <param name="IsRequired">Whether one must be called.</param>
/// <param name="IsSingle">Whether the answer ends with its first call.</param>
internal sealed record ToolChoice(IReadOnlyList<ToolDeclaration> Declared, IReadOnlyList<ToolDeclaration> Callable, bool IsRequired, bool IsSingle)
{
    /// <exception cref="ArgumentException">A tool is null, nameless or named like another, or a call is required that no tool can answer.</exception>
    public static ToolChoice Read(ChatOptions? options, UnsupportedOptions unsupported)
    {
        var declared = ToolDeclaration.Read(options?.Tools, unsupported);
        var single = options?.AllowMultipleToolCalls == false;
        switch (options?.ToolMode)
        {
            case NoneChatToolMode:
                return new(declared, [], IsRequired: false, single);
            case RequiredChatToolMode { RequiredFunctionName: { } name }:
                ToolDeclaration[] named = [.. declared.Where(tool => tool.Name == name)];
                return named.Length > 0
                    ? new(declared, named, IsRequired: true, single)
                    : throw new ArgumentException(
                        $"ChatOptions.ToolMode requires a call of '{name}', expected one of ChatOptions.Tools: {Names(declared)}.", nameof(options));
            case RequiredChatToolMode when declared.Count == 0:
                throw new ArgumentException("ChatOptions.ToolMode requires a tool call, but ChatOptions.Tools holds no function, expected at least one.", nameof(options));
            case RequiredChatToolMode:
                return new(declared, declared, IsRequired: true, single);
            default:
                return new(declared, declared, IsRequired: false, single);
        }
    }

    private static string Names(IReadOnlyList<ToolDeclaration> tools) =>
        tools.Count == 0 ? "(none)" : string.Join(", ", tools.Select(tool => $"'{tool.Name}'"));
}
