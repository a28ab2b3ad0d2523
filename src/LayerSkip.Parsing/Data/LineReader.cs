using System.Text;

namespace LayerSkip.Parsing.Data;

/// <summary>Reads lines of bounded length; <see cref="TextReader.ReadLine"/> would take a file without line ends into memory whole.</summary>
internal sealed class LineReader(TextReader reader, string name, int maxLength)
{
    private readonly char[] _buffer = new char[16 * 1024];
    private readonly StringBuilder _line = new();
    private int _start;
    private int _end;

    /// <summary>The 1-based number of the line last returned.</summary>
    public int Line { get; private set; }

    /// <summary>The next line without its <c>\n</c> or <c>\r\n</c>; null at the end.</summary>
    /// <exception cref="InvalidDataException">The line is too long, or the text is not UTF-8.</exception>
    public string? Next()
    {
        _line.Clear();
        while (true)
        {
            if (_start == _end && !Fill())
            {
                return _line.Length > 0 ? Finish() : null;
            }

            var rest = _buffer.AsSpan(_start, _end - _start);
            var newline = rest.IndexOf('\n');
            var part = newline < 0 ? rest : rest[..newline];
            if (_line.Length + part.Length > maxLength)
            {
                throw new InvalidDataException($"{name}, line {Line + 1}: expected at most {maxLength} characters.");
            }

            _line.Append(part);
            _start += part.Length + (newline < 0 ? 0 : 1);
            if (newline >= 0)
            {
                return Finish();
            }
        }
    }

    private string Finish()
    {
        Line++;
        var length = _line.Length;
        return _line.ToString(0, length > 0 && _line[length - 1] == '\r' ? length - 1 : length);
    }

    private bool Fill()
    {
        try
        {
            _start = 0;
            _end = reader.Read(_buffer, 0, _buffer.Length);
            return _end > 0;
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{name}: the text after line {Line} is not UTF-8.", e);
        }
    }
}
