using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;
using Microsoft.ML.Tokenizers;

namespace LayerSkip.Recipes.Teacher;

/// <summary>An utterance as the teacher reads it, and its parse, where there is one.</summary>
internal sealed class ParseRow
{
    private const int MaxWords = 200;
    private const int MaxPieces = 500;
    private const int MaxSymbols = 90;

    private string? _index;

    private ParseRow(string domain, string utterance, string[] words, int[] pieces, int[] first, int[] last) =>
        (Domain, Utterance, Words, Pieces, First, Last) = (domain, utterance, words, pieces, first, last);

    public string Domain { get; }

    public string Utterance { get; }

    /// <summary>The utterance's words, which parses point at.</summary>
    public string[] Words { get; }

    /// <summary>Their word pieces, between [CLS] and [SEP].</summary>
    public int[] Pieces { get; }

    /// <summary>Each word's first piece.</summary>
    public int[] First { get; }

    /// <summary>Each word's last piece.</summary>
    public int[] Last { get; }

    /// <summary>The parse in symbols, once it has been written.</summary>
    public int[] Target { get; private set; } = [];

    /// <summary>The parse in the decoupled form; null where it is not known.</summary>
    public FrameTree? Gold { get; private set; }

    /// <summary>Reads an utterance.</summary>
    /// <returns>Null where it is empty or too long.</returns>
    public static ParseRow? Read(string domain, string utterance, BertTokenizer tokenizer)
    {
        var words = UtteranceWords.Split(utterance);
        var pieces = new List<int> { tokenizer.ClassificationTokenId };
        var (first, last) = (new int[words.Length], new int[words.Length]);
        for (var i = 0; i < words.Length; i++)
        {
            first[i] = pieces.Count;
            pieces.AddRange(tokenizer.EncodeToIds(words[i], addSpecialTokens: false).DefaultIfEmpty(tokenizer.UnknownTokenId));
            last[i] = pieces.Count - 1;
        }

        pieces.Add(tokenizer.SeparatorTokenId);
        return words.Length is > 0 and <= MaxWords && pieces.Count <= MaxPieces ? new ParseRow(domain, utterance, words, [.. pieces], first, last) : null;
    }

    /// <summary>Reads TOPv2's rows.</summary>
    /// <param name="files">TSV files.</param>
    /// <param name="tokenizer">Splits words.</param>
    /// <exception cref="InvalidDataException">An utterance is empty or too long.</exception>
    public static List<ParseRow> Read(IEnumerable<string> files, BertTokenizer tokenizer)
    {
        var rows = new List<ParseRow>();
        foreach (var file in files)
        {
            foreach (var labelled in TopV2File.Read(file))
            {
                var row = Read(labelled.Domain, labelled.Utterance, tokenizer)
                    ?? throw new InvalidDataException($"{file}: line {labelled.Line}: expected an utterance of 1 to {MaxWords} words");
                (row.Gold, row._index) = (DecoupledForm.FromFull(labelled.Parse), Index(labelled.Parse, row.Words));
                rows.Add(row);
            }
        }

        return rows;
    }

    /// <summary>Writes the parse in symbols, to train on it.</summary>
    /// <param name="symbols">Learns labels that are new.</param>
    /// <returns>Whether it can be written: not where it is too long, or holds words that the utterance has not.</returns>
    public bool WriteTarget(Symbols symbols)
    {
        Target = _index is null ? [] : symbols.Write(_index);
        return Target.Length is > 0 and <= MaxSymbols;
    }

    /// <summary>The parse as pointers to words; null where its words are others, or no spans of the utterance.</summary>
    private static string? Index(FrameTree parse, string[] words)
    {
        try
        {
            return IndexForm.FromFull(parse, words).ToString() is var index && !index.Contains('"', StringComparison.Ordinal) ? index : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
