namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>What a GGUF file says of a token, by the numbers that stand for it.</summary>
internal enum GgufTokenType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}
