using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.StructuredOutput;
using LayerSkip.AI.Tools;
using LayerSkip.Engine;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Requests;

/// <summary>Reads what a caller asks: options first, so that their errors come before any work, and the conversation when the answer is wanted. Safe for concurrent use.</summary>
internal sealed class ChatRequestReader
{
    // Where the default template's next turn would begin: a model that knows no end of turn goes on with it.
    private static readonly string[] s_plainTurns = ["\nuser:", "\nsystem:", "\ntool:"];

    private readonly LayerSkipModel _model;
    private readonly Tokenizer _tokenizer;
    private readonly PromptEncoder _encoder;
    private readonly ReasoningSupport _reasoning;
    private readonly RequestDefaults _defaults;
    private readonly UnsupportedOptions _unsupported;
    private readonly ConstraintCache _constraints;
    private readonly int? _announcement;
    private readonly string[] _turns;
    private readonly bool _describesResponseFormat;

    /// <exception cref="ArgumentException">The client's options do not fit the model; the message names the option.</exception>
    public ChatRequestReader(LayerSkipModel model, ChatTemplate template, LayerSkipOptions options, ILogger logger)
    {
        _model = model;
        _tokenizer = model.Tokenizer;
        _encoder = new PromptEncoder(template, _tokenizer, options.ToolCallFormat, options.AllowControlTokensInMessages);
        _reasoning = new ReasoningSupport(template);
        _defaults = RequestDefaults.From(options, model.Defaults);
        _unsupported = new UnsupportedOptions(options.UnsupportedOptions, logger);
        var syntax = ToolCallSyntax.Of(_encoder.ToolCallFormat);
        _announcement = syntax.Announcement is { } announcement ? SpecialToken(announcement) : null;
        AnswerTokenizer = SpellingOut([.. syntax.Marks, .. _reasoning.Marks]);
        _constraints = new ConstraintCache(AnswerTokenizer);
        _turns = ReferenceEquals(template, ChatTemplate.Default) ? s_plainTurns : [];
        _describesResponseFormat = options.DescribeResponseFormat;
        model.Validate(DecodingOptionsMapping.Map(new DecodingOptions(), options: null, _defaults));
    }

    /// <summary>What answers are read with: the model's tokenizer, but for marks of calls and of reasoning that are special tokens, which have a text in it.</summary>
    public Tokenizer AnswerTokenizer { get; }

    /// <summary>Reads a request's options, and keeps nothing of them that their owner may change.</summary>
    /// <param name="client">The client that was asked, for <see cref="ChatOptions.RawRepresentationFactory"/>.</param>
    /// <param name="options">The request's options.</param>
    public RequestSettings Check(IChatClient client, ChatOptions? options)
    {
        RequireHonoured(options, _model.Name);
        MisspeltSettings.Report(options?.AdditionalProperties, _unsupported);
        var tools = ToolChoice.Read(options, _unsupported);
        var (stopSequences, stopTokenIds) = StopSequences(options);
        var native = options?.RawRepresentationFactory?.Invoke(client) as DecodingOptions ?? new DecodingOptions();
        var decoding = DecodingOptionsMapping.Map(native, options, _defaults);
        var format = AnswerFormat.Read(options?.ResponseFormat, _unsupported);
        decoding = decoding with { StopTokenIds = [.. decoding.StopTokenIds, .. stopTokenIds] };
        _model.Validate(decoding);
        var reasoning = options?.Reasoning is { } asked ? new ReasoningOptions { Effort = asked.Effort, Output = asked.Output } : null;
        return new RequestSettings(
            decoding, stopSequences, tools, format, options?.Instructions, reasoning, Variables(options));
    }

    /// <summary>Reads a request. A long history takes its time to render, and a new form of answers up to seconds to be made a grammar of.</summary>
    /// <param name="settings">What its options ask.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="cancellationToken">Ends the reading between its steps.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ChatRequest Read(RequestSettings settings, IReadOnlyList<ChatMessage> messages, CancellationToken cancellationToken)
    {
        // A template renders even none, and a model answers whatever that gives.
        if (messages.Count == 0)
        {
            throw new ArgumentException("The conversation has no messages, expected at least one.", nameof(messages));
        }

        cancellationToken.ThrowIfCancellationRequested();
        var conversation = Conversation.Read(messages, Instructions(settings.Instructions, settings.Format), _unsupported);
        var rendered = _encoder.Render(conversation, tools: settings.Tools.Declared, variables: settings.Variables);
        cancellationToken.ThrowIfCancellationRequested();
        var prompt = _encoder.Encode(rendered);
        if (prompt.Length == 0)
        {
            throw new ArgumentException("The conversation renders to no tokens, expected at least one.", nameof(messages));
        }

        if (prompt.Length >= _model.Config.MaxPositions)
        {
            throw new PromptTooLongException(
                $"The conversation has {prompt.Length} tokens{Overhead(conversation, settings, prompt.Length)}, expected fewer than the model's context of {_model.Config.MaxPositions}.", nameof(messages));
        }

        cancellationToken.ThrowIfCancellationRequested();
        var (decoding, tools) = (settings.Decoding, settings.Tools);
        var reasoning = decoding.Constraint is null
            ? _reasoning.Answer(rendered, settings.Reasoning, isStrict: settings.Format is not null || tools.IsRequired)
            : null;
        decoding = decoding with { Constraint = decoding.Constraint ?? Constraint(tools, settings.Format, reasoning) };
        return new ChatRequest(prompt, decoding, settings.StopSequences, Calls(tools), reasoning);
    }

    /// <summary>Tokens of the prompt that a request makes, however many they are.</summary>
    public int CountTokens(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var format = AnswerFormat.Read(options?.ResponseFormat, _unsupported);
        return _encoder.Encode(_encoder.Render(
            Conversation.Read(messages, Instructions(options?.Instructions, format), _unsupported),
            tools: ToolChoice.Read(options, _unsupported).Declared,
            variables: Variables(options))).Length;
    }

    /// <summary>The template's variables: those that the request names itself come before what it asks of reasoning.</summary>
    private Dictionary<string, TemplateValue> Variables(ChatOptions? options)
    {
        var variables = TemplateVariables.Read(options?.AdditionalProperties);
        foreach (var (name, value) in _reasoning.Variables(options?.Reasoning, _unsupported))
        {
            variables.TryAdd(name, value);
        }

        return variables;
    }

    /// <summary>What of a prompt that is too long nobody said: a small context may be full of tools before the first word.</summary>
    private string Overhead(List<TemplateMessage> conversation, RequestSettings settings, int length)
    {
        var parts = new List<string>();
        if (settings.Tools.Declared is { Count: > 0 } declared)
        {
            try
            {
                var without = _encoder.Encode(_encoder.Render(conversation, variables: settings.Variables)).Length;
                parts.Add($"{Math.Max(0, length - without)} of them to describe {declared.Count} of ChatOptions.Tools");
            }
            catch (ChatTemplateException)
            {
                // A template may want the tools of the calls that it renders.
            }
        }

        if (settings.Format is { } format && _describesResponseFormat)
        {
            parts.Add($"{_tokenizer.Encode(format.Hint, addSpecialTokens: false, AddedTokenMatching.None).Length} to describe ChatOptions.ResponseFormat");
        }

        return parts.Count == 0 ? string.Empty : $" ({string.Join(" and ", parts)})";
    }

    /// <summary>Refuses what cannot be ignored without giving a wrong answer, as far as that is known before the model is loaded.</summary>
    /// <param name="options">The request's options.</param>
    /// <param name="model">The model's name.</param>
    public static void RequireHonoured(ChatOptions? options, string model)
    {
        if (options is null)
        {
            return;
        }

        if (!string.IsNullOrEmpty(options.ModelId) && options.ModelId != model)
        {
            throw new InvalidOperationException($"ChatOptions.ModelId is '{options.ModelId}', but this client runs '{model}' only.");
        }

        if (options.ConversationId is not null)
        {
            throw new NotSupportedException(
                $"ChatOptions.ConversationId is '{options.ConversationId}', but this client keeps no conversations: send the whole history instead.");
        }

        if (options.ContinuationToken is not null)
        {
            throw new NotSupportedException("ChatOptions.ContinuationToken is set, but this client cannot resume an answer.");
        }
    }

    private TokenConstraint? Constraint(ToolChoice tools, AnswerFormat? format, AnswerReasoning? reasoning)
    {
        if (tools.Declared.Count > 0)
        {
            var language = new ToolCallLanguage(tools, ToolCallSyntax.Of(_encoder.ToolCallFormat), _announcement, format, reasoning, _unsupported);
            return _constraints.Get(language.Key, language.Language);
        }

        return format is null ? null : _constraints.Get(
            ReasoningLanguage.Key(reasoning) + format.Key,
            grammar => ReasoningLanguage.Before(grammar, reasoning, isStrict: true, isBehind => grammar.Sequence(
                isBehind ? grammar.OneOf(ReasoningLanguage.Breaks) : grammar.Empty, format.Language(grammar))));
    }

    private int? SpecialToken(string text) => _tokenizer.TryGetId(text, out var id) && _tokenizer.IsSpecial(id) ? id : null;

    private Tokenizer SpellingOut(IEnumerable<string> marks)
    {
        int[] special = [.. marks.Select(SpecialToken).OfType<int>()];
        return special.Length == 0 ? _tokenizer : _tokenizer.WithText(special);
    }

    private AnswerCalls? Calls(ToolChoice tools) => tools.Callable.Count == 0 ? null : new AnswerCalls(
        ToolCallSyntax.Of(_encoder.ToolCallFormat), tools.Callable.Select(tool => tool.Name).ToHashSet(), tools.IsSingle);

    /// <summary>What the model is told before the conversation: the caller's instructions, and the form of the answer.</summary>
    private string? Instructions(string? own, AnswerFormat? format) =>
        format is null || !_describesResponseFormat ? own
        : string.IsNullOrEmpty(own) ? format.Hint
        : $"{own}\n\n{format.Hint}";

    /// <summary>Special tokens have no text in an answer, so a stop sequence that spells one is meant as its id.</summary>
    private (List<string> Texts, List<int> Ids) StopSequences(ChatOptions? options)
    {
        var texts = new List<string>(_turns);
        var ids = new List<int>();
        foreach (var stop in options?.StopSequences ?? [])
        {
            if (string.IsNullOrEmpty(stop))
            {
                throw new ArgumentException("ChatOptions.StopSequences holds an empty text.", nameof(options));
            }

            if (SpecialToken(stop) is { } id)
            {
                ids.Add(id);
            }
            else
            {
                texts.Add(stop);
            }
        }

        return (texts, ids);
    }
}
