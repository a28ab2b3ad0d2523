using System.Text;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.Responses;

/// <summary>An answer's text as its tokens come, up to the first stop sequence. Text that may turn out to be one is held back.</summary>
internal sealed class AnswerText
{
    private readonly Tokenizer _tokenizer;
    private readonly StreamingDetokenizer _detokenizer;
    private readonly StopSequence[] _stops;
    private readonly StringBuilder _ready = new();
    private readonly StringBuilder _held = new();

    public AnswerText(Tokenizer tokenizer, IReadOnlyList<string> stopSequences)
    {
        _tokenizer = tokenizer;
        _detokenizer = tokenizer.CreateDetokenizer();
        _stops = [.. stopSequences.Select(text => new StopSequence(text))];
    }

    /// <summary>Tokens read so far, up to the one that completed a stop sequence.</summary>
    public int Tokens { get; private set; }

    /// <summary>Whether a stop sequence has been found: there is no further text.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Reads tokens, and returns the text that is certain now.</summary>
    public string Read(ReadOnlySpan<int> tokens)
    {
        foreach (var token in tokens)
        {
            if (IsStopped)
            {
                break;
            }

            Tokens++;

            // A model's vocabulary may be padded beyond the tokenizer's; such tokens have no text.
            if (token < _tokenizer.VocabularySize)
            {
                Read(_detokenizer.Append(token));
            }
        }

        return TakeReady();
    }

    /// <summary>The rest of the text, once all tokens have been read.</summary>
    public string End()
    {
        if (!IsStopped)
        {
            Read(_detokenizer.Flush());
        }

        if (!IsStopped)
        {
            _ready.Append(_held);
            _held.Clear();
        }

        return TakeReady();
    }

    private void Read(string text)
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

    private string TakeReady()
    {
        var text = _ready.ToString();
        _ready.Clear();
        return text;
    }
}
