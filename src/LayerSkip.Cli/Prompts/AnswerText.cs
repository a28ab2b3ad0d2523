using System.Text;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Prompts;

/// <summary>Generated tokens as text, as they come. Control tokens, and ids beyond the tokenizer's in a model with a padded vocabulary, have none.</summary>
internal sealed class AnswerText(Tokenizer tokenizer)
{
    private readonly StreamingDetokenizer _detokenizer = tokenizer.CreateDetokenizer();

    /// <summary>The text that these tokens make certain.</summary>
    public string Append(ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            if (id < tokenizer.VocabularySize)
            {
                text.Append(_detokenizer.Append(id));
            }
        }

        return text.ToString();
    }

    /// <summary>The rest of the text.</summary>
    public string Flush() => _detokenizer.Flush();
}
