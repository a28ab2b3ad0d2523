using LayerSkip.Training.Tokenizers;

namespace LayerSkip.Cli.Corpora;

/// <summary>The control tokens of a tokenizer to train, and the parts that some of them have.</summary>
internal sealed class SpecialTokens
{
    /// <summary>The shipped parser's.</summary>
    public static readonly string[] Default = ["pad=<|pad|>", "bos=<|begin|>", "<|user|>", "<|assistant|>", "eos=<|end|>"];

    private readonly List<string> _contents = [];
    private TokenizerConfig _parts = new();

    private SpecialTokens()
    {
    }

    /// <summary>The tokens, each once.</summary>
    public IReadOnlyList<string> Contents => _contents;

    /// <summary>Which of them begins, ends and pads, and the chat template.</summary>
    public TokenizerConfig Config(string? chatTemplate) => _parts with { ChatTemplate = chatTemplate };

    /// <summary>Reads what stands behind <c>--special</c>: tokens, with <c>bos=</c>, <c>eos=</c> or <c>pad=</c> before those that have a part.</summary>
    /// <exception cref="UsageException">A token is empty or stands twice, or a part is given twice.</exception>
    public static SpecialTokens Parse(IEnumerable<string> arguments)
    {
        var tokens = new SpecialTokens();
        foreach (var argument in arguments)
        {
            tokens.Add(argument);
        }

        return tokens;
    }

    private void Add(string argument)
    {
        var part = argument.Length >= 4 ? argument[..4] : "";
        var (content, earlier) = part switch
        {
            "bos=" => (argument[4..], _parts.BeginOfSequence),
            "eos=" => (argument[4..], _parts.EndOfSequence),
            "pad=" => (argument[4..], _parts.Padding),
            _ => (argument, null),
        };
        if (content.Length == 0)
        {
            throw new UsageException($"--special '{argument}' is empty, expected a token");
        }

        if (earlier is not null)
        {
            throw new UsageException($"--special has two {part[..3]} tokens, '{earlier}' and '{content}', expected one");
        }

        _parts = part switch
        {
            "bos=" => _parts with { BeginOfSequence = content },
            "eos=" => _parts with { EndOfSequence = content },
            "pad=" => _parts with { Padding = content },
            _ => _parts,
        };

        // One token may both begin and end a sequence.
        if (!_contents.Contains(content))
        {
            _contents.Add(content);
        }
        else if (content == argument)
        {
            throw new UsageException($"--special has '{content}' twice, expected each token once");
        }
    }
}
