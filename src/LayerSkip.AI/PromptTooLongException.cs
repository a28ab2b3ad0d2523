namespace LayerSkip.AI;

/// <summary>A conversation has more tokens than the model's context has room for. A shorter one may fit, see <see cref="TokenBudgetChatReducer"/>.</summary>
public sealed class PromptTooLongException : ArgumentException
{
    internal PromptTooLongException(string message, string parameter)
        : base(message, parameter)
    {
    }
}
