namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>What a GGUF file says of a token, by the numbers that stand for it.</summary>
internal enum GgufTokenType
{
    /// <summary>llama.cpp writes it for some tokens of its own; taken for a normal one.</summary>
    Undefined = 0,
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}
