using LayerSkip.AI;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;

namespace LayerSkip.Integrations.Tests;

/// <summary>Clients whose model writes what a test says: the template, the engine and the reading of calls are the real ones.</summary>
internal static class Scripted
{
    // What the tests' users and tools begin with, so that the model sees who spoke last.
    private const string UserMark = "USER:";
    private const string ResultMark = "RESULT:";

    /// <summary>A client whose answer is a function of the prompt.</summary>
    public static LayerSkipChatClient Client(Func<string, string> answer, string name = "scripted", string? template = null) => new(
        new LayerSkipEngine(ScriptedModel.Create(answer, new() { Name = name }), ownsModel: true),
        template is null ? null : ChatTemplate.Parse(template),
        ownsEngine: true);

    /// <summary>
    /// A client that calls tools when the user (<c>USER: ...</c>) has spoken last, and when the tools (<c>RESULT:...;</c>) have, says
    /// <c>Done: ...</c> with what they gave.
    /// </summary>
    /// <param name="calls">The calls, as the model writes them.</param>
    public static LayerSkipChatClient Caller(params string[] calls) => Client(prompt =>
    {
        var results = prompt.LastIndexOf(ResultMark, StringComparison.Ordinal);
        return results > prompt.LastIndexOf(UserMark, StringComparison.Ordinal) ? "Done: " + Results(prompt) : string.Join('\n', calls);
    });

    public static string Call(string name, string arguments) => $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>";

    private static string Results(string prompt) => string.Join(
        ", ", prompt[prompt.LastIndexOf(UserMark, StringComparison.Ordinal)..].Split(ResultMark).Skip(1).Select(result => result[..result.IndexOf(';', StringComparison.Ordinal)]));
}
