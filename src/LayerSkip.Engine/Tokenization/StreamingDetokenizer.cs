using System.Buffers;
using System.Text;
using LayerSkip.Engine.Tokenization.Decoding;

namespace LayerSkip.Engine.Tokenization;

/// <summary>Turns tokens into text as they come. What all calls return, joined, equals <see cref="Tokenizer.Decode"/> of all ids.</summary>
/// <remarks>
/// Never returns half a character: an incomplete UTF-8 sequence is held back until it is complete, or until it is certain that it
/// will never be and U+FFFD stands for it. One instance serves one text at a time and is not safe for concurrent use.
/// </remarks>
public sealed class StreamingDetokenizer
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly DecoderSettings _settings;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _ready = new();
    private bool _isFirst;
    private int _leadingLeft; // how many characters may still be stripped from the start
    private int _trailingHeld; // characters held back because the text may end with them

    internal StreamingDetokenizer(Tokenizer tokenizer, DecoderSettings settings, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _settings = settings;
        _skipSpecialTokens = skipSpecialTokens;
        Reset();
    }

    /// <summary>Whether something of the tokens so far is held back: the beginning of a character, or what goes where the text ends there.</summary>
    public bool HoldsText => _trailingHeld > 0 || _utf8.GetCharCount([], flush: true) > 0;

    /// <summary>Adds one token.</summary>
    /// <param name="id">The token's id. An id within the vocabulary that no token has adds nothing.</param>
    /// <returns>The text that is now certain; empty where there is none.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="id"/> is negative, or not below <see cref="Tokenizer.VocabularySize"/>.</exception>
    public string Append(int id) => Append([id]);

    /// <summary>Adds tokens in order.</summary>
    /// <param name="ids">The tokens' ids; where one is invalid, none is added.</param>
    /// <returns>The text that is now certain; empty where there is none.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative, or not below <see cref="Tokenizer.VocabularySize"/>.</exception>
    public string Append(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            _tokenizer.RequireId(id, nameof(ids));
        }

        foreach (var id in ids)
        {
            if (_tokenizer.GetToken(id) is null || (_skipSpecialTokens && _tokenizer.IsSpecial(id)))
            {
                continue;
            }

            if (!_isFirst && _settings.Separator.Length > 0)
            {
                Emit(_settings.Separator);
            }

            Read(_tokenizer.BytesOf(id, _isFirst), isEnd: false);
            _isFirst = false;
        }

        return TakeReady();
    }

    /// <summary>Ends the text: U+FFFD for an incomplete character that is held back. The next token begins a new text.</summary>
    /// <returns>The rest of the text; empty where there is none.</returns>
    public string Flush()
    {
        Read([], isEnd: true);
        var rest = TakeReady();
        Reset();
        return rest;
    }

    /// <summary>Forgets everything: the next token begins a new text.</summary>
    public void Reset()
    {
        _utf8.Reset();
        _ready.Clear();
        _isFirst = true;
        _leadingLeft = _settings.Leading.Count;
        _trailingHeld = 0;
    }

    private void Read(ReadOnlySpan<byte> bytes, bool isEnd)
    {
        const int OnStack = 256;
        var capacity = bytes.Length + 4; // a byte is at most one UTF-16 code unit, and up to three may be held
        char[]? rented = null;
        var units = capacity <= OnStack ? stackalloc char[OnStack] : rented = ArrayPool<char>.Shared.Rent(capacity);
        Emit(units[.._utf8.GetChars(bytes, units, isEnd)]);
        if (rented is not null)
        {
            ArrayPool<char>.Shared.Return(rented);
        }
    }

    private void Emit(ReadOnlySpan<char> text)
    {
        while (_leadingLeft > 0 && !text.IsEmpty)
        {
            _leadingLeft = text[0] == _settings.Leading.Content ? _leadingLeft - 1 : 0;
            text = text[0] == _settings.Leading.Content ? text[1..] : text;
        }

        if (_settings.Trailing.Count > 0)
        {
            EmitAllButTrailing(text);
        }
        else
        {
            _ready.Append(text);
        }
    }

    private void EmitAllButTrailing(ReadOnlySpan<char> text)
    {
        foreach (var unit in text)
        {
            if (unit != _settings.Trailing.Content)
            {
                _ready.Append(_settings.Trailing.Content, _trailingHeld).Append(unit);
                _trailingHeld = 0;
            }
            else if (_trailingHeld < _settings.Trailing.Count)
            {
                _trailingHeld++;
            }
            else
            {
                _ready.Append(unit);
            }
        }
    }

    private string TakeReady()
    {
        var text = _ready.ToString();
        _ready.Clear();
        return text;
    }
}
