namespace LayerSkip.AI.Requests;

/// <summary>What is to become of the reasoning in an answer, of a model that writes it between <see cref="Begin"/> and <see cref="End"/>.</summary>
/// <param name="HasBegun">Whether the prompt ends inside of it, so that the answer brings its end alone.</param>
/// <param name="IsShown">Whether the caller wants to see it.</param>
internal sealed record AnswerReasoning(bool HasBegun, bool IsShown)
{
    public const string Begin = "<think>";
    public const string End = "</think>";
}
