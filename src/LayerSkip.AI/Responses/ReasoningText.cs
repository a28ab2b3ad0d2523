using System.Text;
using LayerSkip.AI.Requests;

namespace LayerSkip.AI.Responses;

/// <summary>Parts an answer's reasoning from what it says. The marks around the reasoning, and the line breaks beside them, belong to neither.</summary>
internal sealed class ReasoningText(AnswerReasoning format)
{
    private readonly StopSequence _end = new(AnswerReasoning.End);
    private readonly StringBuilder _reasoning = new();
    private readonly StringBuilder _answer = new();

    // Before the reasoning: what may turn out to be its mark. In it: what may turn out to be the end's, and line breaks that may stand before that.
    private readonly StringBuilder _held = new();
    private Place _place = format.HasBegun ? Place.ReasoningStart : Place.Start;

    // How many of the begin mark's characters have come; and how many line breaks what is held in the reasoning begins with, which a model may
    // write without end: none of them is looked at twice.
    private int _begun;
    private int _breaks;

    private enum Place
    {
        /// <summary>Nothing but white space and a part of the mark has come.</summary>
        Start,

        /// <summary>In the reasoning, before its first character that is no line break.</summary>
        ReasoningStart,

        Reasoning,

        /// <summary>Behind the reasoning, before the answer's first character that is no line break.</summary>
        AnswerStart,

        Answer,
    }

    /// <summary>Whether what was read last is reasoning.</summary>
    public bool IsReasoning => _place is Place.ReasoningStart or Place.Reasoning;

    /// <summary>Reads text.</summary>
    public void Read(string text)
    {
        foreach (var character in text)
        {
            Read(character);
        }
    }

    /// <summary>All text has been read: what was held back is what it looks like.</summary>
    public void End()
    {
        (IsReasoning ? _reasoning : _answer).Append(_held);
        _held.Clear();
    }

    /// <summary>The reasoning that is certain and has not been taken; nothing where it is not to be shown.</summary>
    public string TakeReasoning() => Take(_reasoning, format.IsShown);

    /// <summary>The answer that is certain and has not been taken.</summary>
    public string TakeAnswer() => Take(_answer, isShown: true);

    private static string Take(StringBuilder text, bool isShown)
    {
        var taken = isShown ? text.ToString() : string.Empty;
        text.Clear();
        return taken;
    }

    private void Read(char character)
    {
        switch (_place)
        {
            case Place.Start:
                _held.Append(character);
                if (_begun == 0 && character is ' ' or '\t' or '\n' or '\r')
                {
                    break;
                }

                if (character != AnswerReasoning.Begin[_begun++])
                {
                    _answer.Append(_held);
                    _held.Clear();
                    _place = Place.Answer;
                }
                else if (_begun == AnswerReasoning.Begin.Length)
                {
                    _held.Clear();
                    _place = Place.ReasoningStart;
                }

                break;
            case Place.ReasoningStart when character is '\n' or '\r':
            case Place.AnswerStart when character is '\n' or '\r':
                break;
            case Place.ReasoningStart:
                _place = Place.Reasoning;
                goto case Place.Reasoning;
            case Place.Reasoning:
                ReadReasoning(character);
                break;
            default:
                _place = Place.Answer;
                _answer.Append(character);
                break;
        }
    }

    private void ReadReasoning(char character)
    {
        _held.Append(character);
        _end.Read(character);
        if (_end.IsComplete)
        {
            _held.Length -= AnswerReasoning.End.Length;
            _reasoning.Append(_held.ToString().TrimEnd('\n', '\r'));
            _held.Clear();
            _place = Place.AnswerStart;
            return;
        }

        var certain = _held.Length - _end.Matched;
        if (certain == _breaks + 1 && character is '\n' or '\r')
        {
            _breaks++;
        }

        if (certain > _breaks)
        {
            _breaks = character is '\n' or '\r' ? 1 : 0;
            _reasoning.Append(_held, 0, certain - _breaks);
            _held.Remove(0, certain - _breaks);
        }
    }
}
