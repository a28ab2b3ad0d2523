namespace LayerSkip.AI.Tools;

/// <summary>Finds the end of a JSON object in a stream of characters.</summary>
internal struct JsonObjectEnd
{
    private int _depth;
    private bool _inString;
    private bool _escaped;

    /// <summary>Whether the object's last brace has been read.</summary>
    public bool IsReached { get; private set; }

    /// <summary>Reads a character, the opening brace first.</summary>
    /// <returns>False if no JSON goes on with this character; it is not read then.</returns>
    public bool Read(char character)
    {
        if (_inString)
        {
            _inString = _escaped || character != '"';
            _escaped = !_escaped && character == '\\';
            return true;
        }

        switch (character)
        {
            case '"':
                _inString = true;
                return true;
            case '{' or '[':
                _depth++;
                return true;
            case '}' or ']':
                _depth--;
                IsReached = _depth == 0;
                return true;
            default:
                return char.IsAsciiLetterOrDigit(character) || character is ',' or ':' or '+' or '-' or '.' or ' ' or '\t' or '\n' or '\r';
        }
    }
}
