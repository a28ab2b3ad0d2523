using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads what a <c>Metaspace</c> pre-tokenizer and a <c>Metaspace</c> decoder have in common.</summary>
internal static class MetaspaceReader
{
    public static char Mark(JsonField field) => field.Find("replacement")?.AsCharacter() ?? '▁';

    public static PrependScheme Scheme(JsonField field)
    {
        const string Expected = "'always', 'first' or 'never'";
        if (field.Find("prepend_scheme") is not { } scheme)
        {
            return field.Find("add_prefix_space")?.AsBoolean() ?? true ? PrependScheme.Always : PrependScheme.Never;
        }

        return scheme.AsString() switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw scheme.Unexpected(Expected),
        };
    }
}
