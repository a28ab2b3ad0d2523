using System.Text;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Tools;
using LayerSkip.Engine.Tokenization;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Responses;

/// <summary>An answer's reasoning, text and tool calls as its tokens come, up to the first stop sequence. Text that may turn out to be one is held back.</summary>
internal sealed class AnswerText
{
    private readonly Tokenizer _tokenizer;
    private readonly StreamingDetokenizer _detokenizer;
    private readonly ToolCallReader? _calls;
    private readonly ReasoningText? _reasoning;
    private readonly StopSequence[] _stops;
    private readonly StringBuilder _thought = new();
    private readonly StringBuilder _ready = new();
    private readonly StringBuilder _held = new();
    private readonly List<AIContent> _contents = [];

    /// <param name="tokenizer">The model's.</param>
    /// <param name="stopSequences">Texts that end the answer. They are looked for in its text alone: a call's layout is not the caller's.</param>
    /// <param name="calls">Finds tool calls; null where there are none to find.</param>
    /// <param name="reasoning">What comes before all that; null where it is no reasoning.</param>
    public AnswerText(
        Tokenizer tokenizer, IReadOnlyList<string> stopSequences, ToolCallReader? calls = null, AnswerReasoning? reasoning = null)
    {
        _tokenizer = tokenizer;
        _detokenizer = tokenizer.CreateDetokenizer();
        _calls = calls;
        _reasoning = reasoning is null ? null : new ReasoningText(reasoning);
        ReasoningTokens = reasoning is null ? null : 0;
        _stops = [.. stopSequences.Select(text => new StopSequence(text))];
    }

    /// <summary>Tokens read so far, up to the one that stopped the answer.</summary>
    public int Tokens { get; private set; }

    /// <summary>Of these, tokens of reasoning and its marks; null where it is not told from the answer.</summary>
    public int? ReasoningTokens { get; private set; }

    /// <summary>Whether a stop sequence has been found, or the only call that is wanted: there is nothing further.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Whether a tool has been called.</summary>
    public bool HasCalls { get; private set; }

    /// <summary>Reads tokens, and returns what is certain now: pieces of text, and whole calls.</summary>
    public IReadOnlyList<AIContent> Read(ReadOnlySpan<int> tokens)
    {
        foreach (var token in tokens)
        {
            if (IsStopped)
            {
                break;
            }

            Tokens++;

            var wasReasoning = _reasoning?.IsReasoning;

            // A model's vocabulary may be padded beyond the tokenizer's; such tokens have no text.
            if (token < _tokenizer.VocabularySize)
            {
                Read(_detokenizer.Append(token));
            }

            ReasoningTokens += wasReasoning == true || _reasoning?.IsReasoning == true ? 1 : 0;
        }

        return TakeContents();
    }

    /// <summary>The rest of the answer, once all tokens have been read.</summary>
    /// <param name="cut">Whether the answer was cut short.</param>
    public IReadOnlyList<AIContent> End(bool cut = false)
    {
        if (!IsStopped)
        {
            Read(_detokenizer.Flush());
        }

        if (!IsStopped && _reasoning is not null)
        {
            _reasoning.End();
            TakeReasoning(_reasoning);
        }

        if (!IsStopped && _calls is not null)
        {
            Read(_calls.End(cut));
        }

        if (!IsStopped)
        {
            ReleaseHeld();
        }

        return TakeContents();
    }

    private void Read(string text)
    {
        if (_reasoning is null)
        {
            ReadAnswer(text);
            return;
        }

        _reasoning.Read(text);
        TakeReasoning(_reasoning);
    }

    private void TakeReasoning(ReasoningText reasoning)
    {
        _thought.Append(reasoning.TakeReasoning());
        ReadAnswer(reasoning.TakeAnswer());
    }

    private void ReadAnswer(string text)
    {
        if (_calls is null)
        {
            ReadText(text);
        }
        else
        {
            Read(_calls.Read(text));
        }
    }

    private void Read(IReadOnlyList<AnswerPiece> pieces)
    {
        foreach (var piece in pieces)
        {
            if (IsStopped)
            {
                return;
            }

            if (piece.Call is null)
            {
                ReadText(piece.Text);
                continue;
            }

            // No stop sequence reaches from before a call to behind it.
            ReleaseHeld();
            TakeText();
            _contents.Add(piece.Call);
            HasCalls = true;
            IsStopped = _calls!.IsEnded;
        }
    }

    private void ReadText(string text)
    {
        if (_stops.Length == 0)
        {
            _ready.Append(text);
            return;
        }

        foreach (var character in text)
        {
            _held.Append(character);
            var matched = 0;
            foreach (var stop in _stops)
            {
                stop.Read(character);
                matched = Math.Max(matched, stop.Matched);
                IsStopped |= stop.IsComplete;
            }

            // Of several sequences that end here, the one that began first cuts the text.
            if (IsStopped)
            {
                matched = _stops.Where(stop => stop.IsComplete).Max(stop => stop.Matched);
            }

            _ready.Append(_held, 0, _held.Length - matched);
            _held.Remove(0, _held.Length - matched);
            if (IsStopped)
            {
                return;
            }
        }
    }

    private void ReleaseHeld()
    {
        _ready.Append(_held);
        _held.Clear();
        foreach (var stop in _stops)
        {
            stop.Reset();
        }
    }

    private void TakeText()
    {
        // Reasoning comes before all text.
        if (_thought.Length > 0)
        {
            _contents.Add(new TextReasoningContent(_thought.ToString()));
            _thought.Clear();
        }

        if (_ready.Length > 0)
        {
            _contents.Add(new TextContent(_ready.ToString()));
            _ready.Clear();
        }
    }

    private AIContent[] TakeContents()
    {
        TakeText();
        AIContent[] contents = [.. _contents];
        _contents.Clear();
        return contents;
    }
}
