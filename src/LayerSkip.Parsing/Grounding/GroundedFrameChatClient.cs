using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Grounding;

/// <summary>
/// Holds a semantic parser to the frames that the utterance can have (<see cref="GroundedFrames"/>): no answer has a word that the user did not say. The
/// utterance is the text of the last user message.
/// </summary>
/// <remarks>
/// Drafts and the answers they are verified against are held alike, so that an answer is the same with self-speculation and without. Requests without a
/// user message, and those whose <see cref="ChatOptions.RawRepresentationFactory"/> brings a <see cref="DecodingOptions.Constraint"/> of its own, pass
/// unchanged; of others, tools and <see cref="ChatOptions.ResponseFormat"/> decide nothing about the answer's form any more. An utterance of more than
/// <see cref="GroundedFrames.MaxWords"/> words is refused with an <see cref="ArgumentException"/>. Neither the messages nor the options are changed. Safe for
/// concurrent use if the parser is.
/// </remarks>
/// <param name="parser">
/// A client of this project's engine, or middleware around one: of <see cref="ChatOptions.RawRepresentationFactory"/> others would take nothing. A cache
/// of answers belongs outside of this client.
/// </param>
public sealed class GroundedFrameChatClient(IChatClient parser) : DelegatingChatClient(parser)
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is null.</exception>
    public override Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var conversation = messages.ToList();
        return base.GetResponseAsync(conversation, Ground(conversation, options), cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is null.</exception>
    public override IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var conversation = messages.ToList();
        return base.GetStreamingResponseAsync(conversation, Ground(conversation, options), cancellationToken);
    }

    private static ChatOptions? Ground(List<ChatMessage> conversation, ChatOptions? options)
    {
        if (conversation.FindLast(static message => message?.Role == ChatRole.User) is not { } user)
        {
            return options;
        }

        var (grounded, given) = (options?.Clone() ?? new ChatOptions(), options?.RawRepresentationFactory);
        grounded.RawRepresentationFactory = client =>
        {
            var raw = given?.Invoke(client);
            if (raw is DecodingOptions { Constraint: not null })
            {
                return raw;
            }

            var tokenizer = client.GetService<Tokenizer>() ?? throw new InvalidOperationException(
                $"The parser, a {client.GetType().Name}, offers no {nameof(Tokenizer)} as a service, expected a client of this project's engine.");
            return (raw as DecodingOptions ?? new()) with { Constraint = GroundedFrames.Constrain(user.Text, tokenizer) };
        };
        return grounded;
    }
}
