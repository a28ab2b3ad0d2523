using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using Spectre.Console;

namespace LayerSkip.Cli.Prompts;

/// <summary>Shows where an answer's tokens came from: confirmed drafts, rejected drafts, and the full model's own tokens.</summary>
internal sealed class DraftDisplay(IAnsiConsole console, Tokenizer tokenizer)
{
    private static readonly Style s_accepted = new(Color.Green);
    private static readonly Style s_rejected = new(decoration: Decoration.Dim | Decoration.Strikethrough);
    private static readonly Style s_own = new(Color.Blue);

    private readonly StreamingDetokenizer _text = tokenizer.CreateDetokenizer();
    private readonly AnswerStart _start = new();
    private int? _last;

    /// <summary>Writes the last round: its confirmed draft, what of the draft was rejected, and the token that stands instead.</summary>
    public void Show(Generation generation)
    {
        var accepted = Math.Min(generation.RoundAccepted, generation.RoundTokens.Length);
        Write(generation.RoundTokens[..accepted], s_accepted);
        Write(RejectedText(generation.RoundDraft[generation.RoundAccepted..]), s_rejected);
        Write(generation.RoundTokens[accepted..], s_own);
    }

    private void Write(ReadOnlySpan<int> tokens, Style style)
    {
        Write(_text.Append(tokens), style);
        _last = tokens.IsEmpty ? _last : tokens[^1];
    }

    private void Write(string text, Style style)
    {
        text = _start.Of(text);
        if (text.Length > 0)
        {
            console.WriteAnsi(ansi => ansi.Write(VisibleText.Of(text), style, null));
        }
    }

    // Decoded behind the token before, since a text's first token may lose its space.
    private string RejectedText(ReadOnlySpan<int> tokens)
    {
        var text = tokenizer.CreateDetokenizer();
        if (_last is { } last)
        {
            text.Append([last]);
        }

        return tokens.IsEmpty ? "" : text.Append(tokens) + text.Flush();
    }
}
