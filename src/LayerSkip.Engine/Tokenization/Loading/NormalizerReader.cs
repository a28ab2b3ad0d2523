using LayerSkip.Engine.Tokenization.Normalization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads <c>normalizer</c>.</summary>
internal sealed class NormalizerReader
{
    private const int MaxSteps = 16;
    private const string Expected = "'Sequence', 'Prepend', 'Replace', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase' or 'Strip'";

    private int _steps;

    private NormalizerReader()
    {
    }

    public static Normalizer Read(JsonField field) => new NormalizerReader().ReadStep(field);

    private Normalizer ReadStep(JsonField field) => field.AsType(Expected) switch
    {
        "Sequence" => new SequenceNormalizer([.. field.Get("normalizers", "an array of normalizers").Items().Select(ReadStep)]),
        _ when _steps++ == MaxSteps => throw field.Unexpected($"no more than {MaxSteps} steps"),
        "Prepend" => new PrependNormalizer(field.Get("prepend", "a string").AsString()),
        "Replace" => new ReplaceNormalizer(PatternReader.Read(field), field.Get("content", "a string").AsString()),
        "NFC" => new UnicodeFormNormalizer(UnicodeForm.Nfc),
        "NFD" => new UnicodeFormNormalizer(UnicodeForm.Nfd),
        "NFKC" => new UnicodeFormNormalizer(UnicodeForm.Nfkc),
        "NFKD" => new UnicodeFormNormalizer(UnicodeForm.Nfkd),
        "Lowercase" => new LowercaseNormalizer(),
        "Strip" => new StripNormalizer(
            field.Find("strip_left")?.AsBoolean() ?? true,
            field.Find("strip_right")?.AsBoolean() ?? true),
        _ => throw field.Get("type", Expected).Unexpected(Expected),
    };
}
