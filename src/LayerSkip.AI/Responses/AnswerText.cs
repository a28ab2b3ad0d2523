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
    private int _curtailedAt = int.MaxValue;

    // How much of the ready text is known to be white space, and nothing before it: a model may write it without end, and none is looked at twice.
    private int _blank;

    /// <param name="tokenizer">The model's; the marks of calls and of reasoning are no special tokens in it.</param>
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

    /// <summary>Whether a call was cut short, or completed for want of room rather than by the model's will: such a call is text, and nobody's to make.</summary>
    public bool LosesCall { get; private set; }

    /// <summary>Reads tokens, and returns what is certain now: pieces of text, and whole calls.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="curtailedAt">From which token of the answer on room was too short for what the model meant to write, or null.</param>
    public IReadOnlyList<AIContent> Read(ReadOnlySpan<int> tokens, int? curtailedAt = null)
    {
        _curtailedAt = curtailedAt ?? int.MaxValue;
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

        return TakeContents(mayGoOn: true);
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
            LosesCall |= cut && _calls.IsInCall;
            Read(_calls.End(cut));
        }

        if (!IsStopped)
        {
            ReleaseHeld();
        }

        return TakeContents(mayGoOn: false);
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
            IsStopped = _calls!.IsEnded;
            if (Tokens > _curtailedAt)
            {
                LosesCall = true;
                _ready.Append(piece.Text);
                continue;
            }

            // White space before a call goes with it.
            _ready.Length = WithoutTrailingSpace();
            TakeText(_ready.Length);
            _contents.Add(piece.Call);
            HasCalls = true;
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

    /// <summary>Characters of the text that is ready up to its last that is no white space.</summary>
    private int WithoutTrailingSpace()
    {
        var length = _ready.Length;
        while (length > _blank && char.IsWhiteSpace(_ready[length - 1]))
        {
            length--;
        }

        return length == _blank ? 0 : length;
    }

    /// <param name="length">Characters that are taken; what is left is white space.</param>
    private void TakeText(int length)
    {
        // Reasoning comes before all text.
        if (_thought.Length > 0)
        {
            _contents.Add(new TextReasoningContent(_thought.ToString()));
            _thought.Clear();
        }

        if (length > 0)
        {
            _contents.Add(new TextContent(_ready.ToString(0, length)));
            _ready.Remove(0, length);
        }

        _blank = _ready.Length;
    }

    private AIContent[] TakeContents(bool mayGoOn)
    {
        TakeText(mayGoOn && !IsStopped && _calls?.MayFollowText == true ? WithoutTrailingSpace() : _ready.Length);
        AIContent[] contents = [.. _contents];
        _contents.Clear();
        return contents;
    }
}
