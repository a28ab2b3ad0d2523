using LayerSkip.Parsing.Frames;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>The tools of a request, found by intents.</summary>
internal sealed class ToolSet
{
    private readonly List<AIFunctionDeclaration> _functions;

    private ToolSet(List<AIFunctionDeclaration> functions) => _functions = functions;

    /// <summary>All of them, in the request's order.</summary>
    public IReadOnlyList<AIFunctionDeclaration> Functions => _functions;

    public bool IsEmpty => _functions.Count == 0;

    /// <summary>The functions that a request's mode lets its answer call.</summary>
    public static ToolSet Of(ChatOptions? options)
    {
        var functions = options?.ToolMode is NoneChatToolMode ? [] : options?.Tools?.OfType<AIFunctionDeclaration>().ToList() ?? [];
        if (options?.ToolMode is RequiredChatToolMode { RequiredFunctionName: { } name })
        {
            functions.RemoveAll(function => function.Name != name);
        }

        return new ToolSet(functions);
    }

    /// <summary>The tool of the intent's name; else the first whose name ends with it after a separator.</summary>
    public AIFunctionDeclaration? Find(FrameNode intent)
    {
        var name = Names.Of(intent);
        return _functions.Find(function => Names.Same(function.Name, name)) ?? _functions.Find(function => Names.EndsWith(function.Name, name));
    }
}
