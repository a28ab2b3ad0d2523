using System.Text;
using LayerSkip.Engine.Tokenization.Patterns;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads <c>pre_tokenizer</c>.</summary>
internal sealed class PreTokenizerReader
{
    // Together with the single 'ByteLevel', which triples a text, they bound its length: every other step adds a character a piece at most.
    private const int MaxSteps = 16;

    private const string Expected =
        "'Sequence', 'ByteLevel', 'Split', 'Digits', 'Punctuation', 'Whitespace', 'WhitespaceSplit' or 'Metaspace'";

    private int _steps;
    private bool _isByteLevel;

    private PreTokenizerReader()
    {
    }

    public static PreTokenizer Read(JsonField field) => new PreTokenizerReader().ReadStep(field);

    private PreTokenizer ReadStep(JsonField field) => field.AsType(Expected) switch
    {
        "Sequence" => new SequencePreTokenizer([.. field.Get("pretokenizers", "an array of pre-tokenizers").Items().Select(ReadStep)]),
        _ when _steps++ == MaxSteps => throw field.Unexpected($"no more than {MaxSteps} steps"),
        "ByteLevel" when _isByteLevel => throw field.Get("type", Expected).Unexpected("one 'ByteLevel' at most: a second would spell what is spelled"),
        "ByteLevel" => ReadByteLevel(field),
        "Split" => new SplitPreTokenizer(
            PatternReader.Read(field),
            Behavior(field.Get("behavior", "a split behavior")),
            field.Find("invert")?.AsBoolean() ?? false),
        "Digits" => new SplitPreTokenizer(
            new CharacterPattern(Rune.IsNumber),
            field.Find("individual_digits")?.AsBoolean() ?? false ? SplitBehavior.Isolated : SplitBehavior.Contiguous,
            isInverted: false),
        "Punctuation" => new SplitPreTokenizer(
            new CharacterPattern(UnicodeCategories.IsPunctuation),
            field.Find("behavior") is { } behavior ? Behavior(behavior) : SplitBehavior.Isolated,
            isInverted: false),
        "Whitespace" => new SplitPreTokenizer(
            RegexPattern.Create(@"\w+|[^\w\s]+", field.Origin), SplitBehavior.Removed, isInverted: true),
        "WhitespaceSplit" => new SplitPreTokenizer(
            new CharacterPattern(Rune.IsWhiteSpace), SplitBehavior.Removed, isInverted: false),
        "Metaspace" => new MetaspacePreTokenizer(
            MetaspaceReader.Mark(field), MetaspaceReader.Scheme(field), field.Find("split")?.AsBoolean() ?? true),
        _ => throw field.Get("type", Expected).Unexpected(Expected),
    };

    private ByteLevelPreTokenizer ReadByteLevel(JsonField field)
    {
        _isByteLevel = true;
        return new ByteLevelPreTokenizer(
            field.Find("add_prefix_space")?.AsBoolean() ?? true,
            field.Find("use_regex")?.AsBoolean() ?? true);
    }

    private static SplitBehavior Behavior(JsonField field) =>
        Array.Find(Enum.GetValues<SplitBehavior>(), value => value.ToString() == field.AsString()) is var found
            && found.ToString() == field.AsString()
            ? found
            : throw field.Unexpected("'Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext' or 'Contiguous'");
}
