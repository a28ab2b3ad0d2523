namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary>The four Unicode normalization forms.</summary>
internal enum UnicodeForm
{
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}
