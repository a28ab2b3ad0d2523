using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Hosting;
using LayerSkip.AI.Requests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI;

/// <summary>Shortens a conversation to what fits a number of tokens, counted by the model's own tokenizer and chat template. Safe for concurrent use.</summary>
/// <remarks>
/// <para>
/// Kept are all system messages and as many of the newest turns as fit, whole ones: a turn is a user's message and what follows it, up to the
/// next. Where the last turn alone is too long, as those of agents become, its user message stays and the oldest steps after it go. A tool
/// call is never kept without its results, nor they without it, nor anything that stands between them left out.
/// </para>
/// <para>
/// If even the system messages with the last user message and what follows last do not fit, just these are returned: the request then says what is
/// wrong. Messages are neither changed nor reordered.
/// </para>
/// </remarks>
public sealed class TokenBudgetChatReducer : IChatReducer
{
    private readonly LayerSkipChatClient _client;
    private readonly int _maxTokens;
    private readonly ChatOptions? _options;

    /// <summary>Creates a reducer for the requests to a client.</summary>
    /// <param name="client">A <see cref="LayerSkipChatClient"/>, or a pipeline around one.</param>
    /// <param name="maxTokens">
    /// Most tokens of the prompt, at least 1. With the tokens of the longest answer it should stay below the model's context.
    /// </param>
    /// <param name="options">What the requests bring beside the messages: instructions, tools and a response format take their share of the tokens. Read anew each time.</param>
    /// <exception cref="ArgumentException">No <see cref="LayerSkipChatClient"/> stands behind <paramref name="client"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxTokens"/> is less than 1.</exception>
    public TokenBudgetChatReducer(IChatClient client, int maxTokens, ChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 1);
        _client = client.GetService<LayerSkipChatClient>()
            ?? throw new ArgumentException($"There is no {nameof(LayerSkipChatClient)} behind the {client.GetType().Name}.", nameof(client));
        _maxTokens = maxTokens;
        _options = options;
    }

    /// <inheritdoc />
    /// <exception cref="ArgumentException">A message is null, or, when the result is awaited, holds text as data that is not UTF-8.</exception>
    /// <exception cref="NotSupportedException">A message holds data other than text.</exception>
    /// <exception cref="InvalidOperationException">The model could not be loaded: the message says why.</exception>
    public Task<IEnumerable<ChatMessage>> ReduceAsync(IEnumerable<ChatMessage> messages, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatMessage[] conversation = [.. messages];
        return Array.IndexOf(conversation, null) is var missing && missing >= 0
            ? throw new ArgumentException($"Message {missing} is null.", nameof(messages))
            : ReduceAsync(conversation, cancellationToken);
    }

    private async Task<IEnumerable<ChatMessage>> ReduceAsync(ChatMessage[] messages, CancellationToken cancellationToken)
    {
        var model = await _client.WaitForModelAsync(cancellationToken).ConfigureAwait(false);

        // To render and count a long conversation takes its time: not the caller's.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var cuts = new ConversationCuts(messages);

        // Longer to shorter; the shortest is taken unseen.
        var (low, high) = (0, cuts.Count - 1);
        while (low < high)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var middle = (low + high) / 2;
            (low, high) = Fits(model, cuts.Messages(middle)) ? (low, middle) : (middle + 1, high);
        }

        return cuts.Messages(high);
    }

    private bool Fits(ServedModel model, IReadOnlyList<ChatMessage> messages)
    {
        try
        {
            return model.Reader.CountTokens(messages, _options) <= _maxTokens;
        }
        catch (ChatTemplateException)
        {
            // A cut that the template refuses is of no use, a shorter one may be.
            return false;
        }
    }
}
