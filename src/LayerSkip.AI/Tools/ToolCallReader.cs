using System.Text;

namespace LayerSkip.AI.Tools;

/// <summary>Finds tool calls in an answer as it comes. Text that may turn out to begin a call is held back, and a call is given whole.</summary>
/// <param name="syntax">How the model writes calls.</param>
/// <param name="names">The tools' names: JSON without marks around it is a call only if it names one of them, in a known way.</param>
/// <param name="single">Whether the answer ends with its first call.</param>
internal sealed class ToolCallReader(ToolCallSyntax syntax, IReadOnlySet<string> names, bool single)
{
    private readonly StringBuilder _held = new();
    private readonly StringBuilder _text = new();
    private readonly List<AnswerPiece> _pieces = [];
    private State _state = syntax.Opening is null ? State.Start : State.Text;
    private JsonObjectEnd _json;
    private int _jsonStart;
    private int _calls;
    private bool _isBehindCall;
    private bool _isInList;

    private enum State
    {
        /// <summary>Before the answer's first character, where a call needs no mark.</summary>
        Start,

        /// <summary>In text. A beginning of the opening mark is held, and white space between calls, which is the model's layout.</summary>
        Text,

        /// <summary>Behind the opening mark, or in a list of calls before one.</summary>
        Opened,

        /// <summary>In a call's JSON.</summary>
        Json,

        /// <summary>Behind a call's JSON. White space and a beginning of what may stand there are held.</summary>
        Called,

        /// <summary>In text that no call can follow.</summary>
        Rest,
    }

    /// <summary>Whether the answer ends here, whatever the model goes on to write.</summary>
    public bool IsEnded => single && _calls > 0;

    /// <summary>Whether a call may come behind text.</summary>
    public bool MayFollowText => syntax.Opening is not null;

    /// <summary>Whether a call has begun and not ended.</summary>
    public bool IsInCall => _state is State.Opened or State.Json;

    /// <summary>Reads a piece of the answer, and returns what is certain now; valid until the next call.</summary>
    public IReadOnlyList<AnswerPiece> Read(string text)
    {
        _pieces.Clear();
        foreach (var character in text)
        {
            Read(character);
        }

        TakeText();
        return _pieces;
    }

    /// <summary>Ends the answer: what is held back is text now, or a call with damaged arguments.</summary>
    /// <param name="cut">Whether the answer was cut short: then an unfinished call is no call.</param>
    public IReadOnlyList<AnswerPiece> End(bool cut)
    {
        _pieces.Clear();
        if (_state == State.Json && !cut)
        {
            EndJson();
        }

        // White space behind a call is the model's layout, and nobody's text.
        if (_calls == 0 || !string.IsNullOrWhiteSpace(_held.ToString()))
        {
            Release(_held.Length);
        }

        TakeText();
        return _pieces;
    }

    private void Read(char character)
    {
        if (IsEnded)
        {
            return;
        }

        switch (_state)
        {
            case State.Start or State.Opened when character == '{':
                BeginJson();
                break;
            case State.Opened when char.IsWhiteSpace(character):
                _held.Append(character);
                break;
            case State.Opened when character == '[' && syntax.IsList && !_isInList:
                _held.Append(character);
                _isInList = true;
                break;
            case State.Start or State.Opened:
                LeaveAsText();
                Read(character);
                break;
            case State.Text:
                ReadText(character);
                break;
            case State.Json:
                ReadJson(character);
                break;
            case State.Called:
                ReadBehindCall(character);
                break;
            case State.Rest:
                _text.Append(character);
                break;
        }
    }

    private void ReadText(char character)
    {
        _held.Append(character);
        var mark = 0;
        while (!IsPrefix(mark, syntax.Opening!))
        {
            mark++;
        }

        _state = _held.Length - mark == syntax.Opening!.Length ? State.Opened : State.Text;
        _isBehindCall &= string.IsNullOrWhiteSpace(_held.ToString(0, mark));
        Release(_isBehindCall ? 0 : mark);
    }

    private void ReadJson(char character)
    {
        if (!_json.Read(character))
        {
            EndJson();
            Read(character);
            return;
        }

        _held.Append(character);
        if (_json.IsReached)
        {
            EndJson();
        }
    }

    private void ReadBehindCall(char character)
    {
        _held.Append(character);
        var mark = 0;
        while (mark < _held.Length && char.IsWhiteSpace(_held[mark]))
        {
            mark++;
        }

        if (_isInList && mark == _held.Length - 1 && character is ',' or ']')
        {
            _held.Clear();
            _isInList = character == ',';
            _state = _isInList ? State.Opened : State.Text;
        }
        else if (syntax.Opening is null && character == '{')
        {
            _held.Clear();
            BeginJson();
        }
        else if (_held.Length - mark == syntax.Closing?.Length && IsPrefix(mark, syntax.Closing))
        {
            _held.Clear();
            _state = State.Text;
        }
        else if (!IsPrefix(mark, syntax.Closing ?? syntax.Separator ?? string.Empty) && !char.IsWhiteSpace(character))
        {
            // Text, or the next call's mark: what has been held is read again as such.
            var held = _held.ToString();
            _held.Clear();
            _isInList = false;
            _state = syntax.Opening is null ? State.Rest : State.Text;
            foreach (var again in held)
            {
                Read(again);
            }
        }
    }

    private void BeginJson()
    {
        _jsonStart = _held.Length;
        _json = default;
        _state = State.Json;
        ReadJson('{');
    }

    private void EndJson()
    {
        var json = _held.ToString(_jsonStart, _held.Length - _jsonStart);
        var call = ToolCallParser.Parse(json, syntax.NewId());
        if (call is null || (syntax.Opening is null && !IsBareCall(json, call.Name)))
        {
            LeaveAsText();
            return;
        }

        TakeText();
        _pieces.Add(new(_held.ToString(), call));
        _calls++;
        _isBehindCall = true;
        _held.Clear();
        _state = State.Called;
    }

    /// <summary>Whether JSON is what a constrained model writes: all else is text, and so may be anything.</summary>
    private bool IsBareCall(string json, string name) =>
        names.Contains(name) && syntax.Heads(name).Any(head => json.StartsWith(head, StringComparison.Ordinal));

    private void LeaveAsText()
    {
        Release(_held.Length);
        _isBehindCall = false;
        _isInList = false;
        _state = syntax.Opening is null ? State.Rest : State.Text;
    }

    /// <summary>Whether what is held from some place on, perhaps nothing, begins a mark.</summary>
    private bool IsPrefix(int start, string mark)
    {
        if (_held.Length - start > mark.Length)
        {
            return false;
        }

        for (var i = start; i < _held.Length; i++)
        {
            if (_held[i] != mark[i - start])
            {
                return false;
            }
        }

        return true;
    }

    private void Release(int length)
    {
        _text.Append(_held, 0, length);
        _held.Remove(0, length);
    }

    private void TakeText()
    {
        if (_text.Length > 0)
        {
            _pieces.Add(new(_text.ToString()));
            _text.Clear();
        }
    }
}
