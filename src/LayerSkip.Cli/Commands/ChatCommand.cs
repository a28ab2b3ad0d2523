using System.CommandLine;
using System.Text;
using LayerSkip.Cli.Prompts;
using LayerSkip.Engine;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip chat</c>: a conversation of many turns, typed or from a pipe, a message a line.</summary>
internal sealed class ChatCommand
{
    /// <summary>The line that forgets the conversation.</summary>
    private const string Anew = "/new";

    private readonly Terminal _terminal;
    private readonly ModelArguments _model = new();
    private readonly DecodingArguments _decoding = new();
    private readonly Option<string?> _system = new("--system") { HelpName = "TEXT", Description = "A system message before the conversation (default: none)." };

    private readonly Option<bool> _grounded = GroundedOption.Create();

    private readonly Option<bool> _showDraft = new("--show-draft")
    {
        Description = "On a terminal: accepted draft tokens in green, the full model's own in blue, rejected drafts dim (default: plain text).",
    };

    private ChatCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var chat = new ChatCommand(terminal);
        var command = new Command("chat", $"Chat with a checkpoint, a message a line. {Anew} on a line of its own forgets the conversation; Ctrl-C stops an answer; again, or Ctrl-D, ends.") { chat._system, chat._grounded, chat._showDraft };
        chat._model.AddTo(command);
        chat._decoding.AddTo(command);
        command.SetAction(chat.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        using var model = _model.Load(arguments, _terminal);
        var options = _decoding.Read(arguments, model, _terminal);
        _decoding.NoteUnusedDrafting(arguments, model, options, _terminal);
        if (!_terminal.IsOutputStyled)
        {
            _terminal.NoteUnused(arguments, _terminal.IsOutputInteractive ? "the terminal has no colours" : "the output is no terminal", _showDraft);
        }

        if (_terminal.IsInputInteractive)
        {
            _terminal.Note($"{Anew} forgets the conversation, Ctrl-D ends it");
        }

        var conversation = new Conversation(
            ChatPrompt.Load(arguments.GetRequiredValue(_model.Directory), model.Tokenizer, _terminal),
            model.Config.MaxPositions,
            arguments.GetValue(_system));
        var totals = new ChatTotals();
        Generation? last = null;
        var outcome = CommandLine.Success;
        try
        {
            while (ReadMessage() is { } message)
            {
                if (message.Trim() == Anew)
                {
                    conversation.Forget();
                    _terminal.Note("the conversation begins anew");
                }
                else if (!string.IsNullOrWhiteSpace(message))
                {
                    try
                    {
                        var held = arguments.GetValue(_grounded) ? options with { Constraint = GroundedOption.Constrain("the message", message, model.Tokenizer) } : options;
                        Answer(model, held, conversation, message, arguments.GetValue(_showDraft), totals, ref last);
                    }
                    catch (Exception e) when (e is UsageException or ConstraintException)
                    {
                        // One message that cannot be answered is no reason to lose the conversation.
                        _terminal.Error.WriteLine($"layerskip: {VisibleText.Line(e.Message)}");
                        outcome = CommandLine.BadInput;
                    }
                }
            }
        }
        finally
        {
            last?.Dispose();

            // A prompt may stand on the line.
            _terminal.Error.WriteLine((_terminal.IsInputInteractive ? Environment.NewLine : "") + totals.Describe());
        }

        return outcome;
    }

    private void Answer(
        LayerSkipModel model,
        DecodingOptions options,
        Conversation conversation,
        string message,
        bool showDraft,
        ChatTotals totals,
        ref Generation? last)
    {
        var prompt = conversation.Ask(message, out var forgotten);
        if (forgotten > 0)
        {
            _terminal.Note($"the oldest {forgotten} messages no longer fit into the model's context and are forgotten");
        }

        // What the last answer has computed of the conversation need not be computed again.
        var generation = model.Generate(prompt, options);
        if (last is not null)
        {
            generation.Continue(last);
            last.Dispose();
        }

        last = generation;
        var text = model.Tokenizer.CreateDetokenizer();
        var display = showDraft && _terminal.IsOutputStyled ? new DraftDisplay(_terminal.OutConsole, model.Tokenizer) : null;
        var start = new AnswerStart();
        var answer = new StringBuilder();
        var stop = _terminal.Interrupt.BeginStep();
        try
        {
            while (generation.NextRound(stop))
            {
                var round = text.Append(generation.RoundTokens);
                answer.Append(round);
                if (display is not null)
                {
                    display.Show(generation);
                }
                else
                {
                    _terminal.WriteAnswer(start.Of(round));
                }
            }
        }
        catch (OperationCanceledException) when (!_terminal.Interrupt.Command.IsCancellationRequested)
        {
            // The answer alone was stopped: what it said so far stays in the conversation.
        }
        finally
        {
            _terminal.Interrupt.EndStep();
            var rest = text.Flush();
            answer.Append(rest);
            _terminal.WriteAnswer((display is null ? start.Of(rest) : "") + Environment.NewLine);
            totals.Add(generation);

            // Whatever ended it: a question goes with its answer.
            conversation.Answer(answer.ToString());
        }
    }

    /// <summary>The next message; null at the end of the input.</summary>
    /// <exception cref="OperationCanceledException">Ctrl-C.</exception>
    private string? ReadMessage()
    {
        if (_terminal.IsInputInteractive)
        {
            _terminal.Out.Write("> ");
            _terminal.Out.Flush();
        }

        return _terminal.ReadLine();
    }
}
