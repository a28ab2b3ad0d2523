using LayerSkip.AI.Requests;
using LayerSkip.Engine.Constraints;

namespace LayerSkip.AI.StructuredOutput;

/// <summary>Reasoning before an answer of some form: free text, whatever marks it mentions.</summary>
internal static class ReasoningLanguage
{
    /// <summary>What may stand between the reasoning and the answer, and belongs to neither.</summary>
    public static IReadOnlyList<string> Breaks { get; } = ["", "\n", "\n\n"];

    /// <summary>Equal for equal reasoning.</summary>
    public static string Key(AnswerReasoning? reasoning) => reasoning switch
    {
        null => string.Empty,
        { HasBegun: true } => "reasoning begun:",
        _ => "reasoning:",
    };

    /// <summary>The answers, with what reasoning comes before them.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="reasoning">The reasoning; null: none.</param>
    /// <param name="isStrict">Whether there must be an answer: then none ends in the midst of its reasoning.</param>
    /// <param name="answers">The answers, where they begin and behind reasoning, from its end mark on.</param>
    public static GrammarNode Before(Grammar grammar, AnswerReasoning? reasoning, bool isStrict, Func<bool, GrammarNode> answers)
    {
        if (reasoning is null)
        {
            return answers(false);
        }

        if (!reasoning.HasBegun)
        {
            return grammar.Aside(AnswerReasoning.Begin, AnswerReasoning.End, answers(true), answers(false));
        }

        var whole = grammar.Sequence(grammar.TextUntil(AnswerReasoning.End), answers(true));
        return isStrict ? whole : grammar.Choice(whole, grammar.TextWithout(AnswerReasoning.End));
    }
}
