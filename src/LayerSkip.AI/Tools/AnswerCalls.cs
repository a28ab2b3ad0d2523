namespace LayerSkip.AI.Tools;

/// <summary>Which calls an answer may hold. An answer may be asked for several times over, and each time is read anew.</summary>
/// <param name="Syntax">How the model writes calls.</param>
/// <param name="Names">The tools' names.</param>
/// <param name="IsSingle">Whether the answer ends with its first call.</param>
internal sealed record AnswerCalls(ToolCallSyntax Syntax, IReadOnlySet<string> Names, bool IsSingle)
{
    public ToolCallReader CreateReader() => new(Syntax, Names, IsSingle);
}
