namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary>Which pieces <c>Metaspace</c> begins with its mark; the names are those of <c>tokenizer.json</c>.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}
