using System.Runtime.CompilerServices;
using LayerSkip.Parsing.Frames;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>Makes a semantic parser call tools: the frame it answers with becomes <see cref="FunctionCallContent"/> for the tools of the request.</summary>
/// <remarks>
/// <para>
/// <b>Calls.</b> An intent calls the <see cref="AIFunctionDeclaration"/> of its name, <c>IN:CREATE_REMINDER</c> the tool <c>CreateReminder</c>,
/// <c>create_reminder</c> or <c>Home-CreateReminder</c>; a slot becomes the argument of its name (<c>SL:DATE_TIME</c>: <c>dateTime</c>), in the
/// user's own spelling, as the type that the parameter's schema takes: a text (several slots joined by <c>", "</c>), a list of one item a slot, a
/// member of an enumeration, a figure, or, for a nested intent, an object of its slots. Slots that the tool has no parameter for are dropped.
/// Words are never interpreted: "at 5 pm" is no <see cref="DateTime"/>, <see cref="DateOnly"/> or <see cref="TimeOnly"/>, and an utterance that has it for
/// one is answered by <see cref="Explain"/>. Such a parameter should be a <see cref="string"/>, which the tool reads.
/// </para>
/// <para>
/// <b>Nested intents.</b> One that asks for a value (<c>GET_...</c>) and has a tool is called first, and its result is the outer call's argument, so such
/// a frame takes several rounds of a function-invoking client. Without a tool, and where it does something rather than ask
/// (<c>[IN:CREATE_REMINDER [SL:TODO [IN:SEND_MESSAGE ...] ] ]</c>), it is an argument like any other, and nothing carries it out.
/// </para>
/// <para>
/// <b>Conversations.</b> The parser sees the text of the last user message and nothing else: no history, no instructions, no tools. When tools have
/// answered, the answer is the result of the outermost call (a text as it is, else JSON), without asking the parser again; where a tool failed,
/// what is known of it. An utterance without a fitting tool, or without what its tool requires, is answered by <see cref="Explain"/>, and so is one whose
/// frame the limit of tokens has cut short, even where it was closed for want of room,
/// also where <see cref="ChatOptions.ToolMode"/> requires a call. Requests without tools, or with the mode <c>None</c>, pass unchanged
/// unless they bring results.
/// </para>
/// <para>Neither the messages nor the options are changed. Safe for concurrent use if the parser is.</para>
/// </remarks>
/// <param name="parser">Answers an utterance with a frame, as the checkpoint <c>topv2-parser</c> does.</param>
public sealed class FrameToolCallingChatClient(IChatClient parser) : DelegatingChatClient(parser)
{
    /// <summary>Says why an utterance became no call; unless set, an English sentence.</summary>
    public Func<FrameRefusal, string> Explain { get; init; } = static refusal => refusal.ToString();

    /// <inheritdoc/>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is null.</exception>
    /// <exception cref="ArgumentException">A message is null.</exception>
    public override Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var conversation = messages.ToList();
        var turn = FrameTurn.Read(conversation);
        var tools = ToolSet.Of(options);
        return tools.IsEmpty && !turn.HasResults
            ? base.GetResponseAsync(conversation, options, cancellationToken)
            : AnswerAsync(turn, tools, options, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>Calls come whole and at the end, since nothing can be called before the frame is closed.</remarks>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is null.</exception>
    /// <exception cref="ArgumentException">A message is null.</exception>
    public override IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var conversation = messages.ToList();
        var turn = FrameTurn.Read(conversation);
        var tools = ToolSet.Of(options);
        return tools.IsEmpty && !turn.HasResults
            ? base.GetStreamingResponseAsync(conversation, options, cancellationToken)
            : StreamAsync(turn, tools, options, cancellationToken);
    }

    private async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        FrameTurn turn, ToolSet tools, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var response = await AnswerAsync(turn, tools, options, cancellationToken).ConfigureAwait(false);
        foreach (var update in response.ToChatResponseUpdates())
        {
            // The one with the usage comes without.
            update.Role ??= ChatRole.Assistant;
            update.ResponseId ??= response.ResponseId;
            update.ModelId ??= response.ModelId;
            update.CreatedAt ??= response.CreatedAt;
            yield return update;
        }
    }

    private async Task<ChatResponse> AnswerAsync(FrameTurn turn, ToolSet tools, ChatOptions? options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (turn.HasResults && (turn.IsOver || turn.ResultsByPath.ContainsKey(FrameCall.RootPath)))
        {
            return Answer(WithoutParsing(), new TextContent(turn.ResultText()));
        }

        if (turn.Utterance.Length == 0)
        {
            return Answer(WithoutParsing(), new TextContent(Explain(new FrameRefusal { Answer = string.Empty })));
        }

        // A history that kept the calls but not their frame has it parsed anew.
        var parsed = turn.Frame is null
            ? await base.GetResponseAsync([new ChatMessage(ChatRole.User, turn.Utterance)], ForParser(options), cancellationToken).ConfigureAwait(false)
            : WithoutParsing();
        // What the token limit has cut short may have been closed for want of room: it is not what was asked for.
        var isCut = parsed.FinishReason == ChatFinishReason.Length;
        var frame = turn.Frame ?? (!isCut && FrameTree.TryParse(parsed.Text, out var tree) && tree.IsValid ? tree : null);
        if (frame is null)
        {
            return Answer(parsed, new TextContent(Explain(new FrameRefusal { Answer = parsed.Text.Trim(), IsCutShort = isCut })));
        }

        var calls = FrameCalls.Next(frame, turn.Utterance, tools, turn.ResultsByPath, out var refusal);
        if (refusal is not null)
        {
            return Answer(parsed, new TextContent(Explain(refusal)));
        }

        var response = Answer(parsed, [.. FrameTurn.Contents(frame, options?.AllowMultipleToolCalls == false ? calls.Take(1) : calls)]);
        response.FinishReason = ChatFinishReason.ToolCalls;
        return response;
    }

    /// <summary>What the parser was not trained on stays away from it; how it decodes is the caller's choice.</summary>
    private static ChatOptions? ForParser(ChatOptions? options)
    {
        options = options?.Clone();
        if (options is not null)
        {
            options.Instructions = null;
            options.Tools = null;
            options.ToolMode = null;
            options.AllowMultipleToolCalls = null;
            options.ResponseFormat = null;
        }

        return options;
    }

    /// <summary>The parser's response, with other contents.</summary>
    private static ChatResponse Answer(ChatResponse parsed, params IList<AIContent> contents) => new(new ChatMessage(ChatRole.Assistant, contents)
    {
        MessageId = parsed.Messages is [.., { MessageId: { } id }] ? id : Guid.NewGuid().ToString("N"),
        CreatedAt = parsed.CreatedAt,
    })
    {
        ResponseId = parsed.ResponseId,
        ModelId = parsed.ModelId,
        CreatedAt = parsed.CreatedAt,
        FinishReason = parsed.FinishReason,
        Usage = parsed.Usage,
        AdditionalProperties = parsed.AdditionalProperties,
        RawRepresentation = parsed,
    };

    /// <summary>The frame of a response that took no model.</summary>
    private ChatResponse WithoutParsing() => new()
    {
        ResponseId = Guid.NewGuid().ToString("N"),
        ModelId = this.GetService<ChatClientMetadata>()?.DefaultModelId,
        CreatedAt = DateTimeOffset.UtcNow,
        FinishReason = ChatFinishReason.Stop,
        Usage = new UsageDetails { InputTokenCount = 0, OutputTokenCount = 0, TotalTokenCount = 0 },
    };
}
