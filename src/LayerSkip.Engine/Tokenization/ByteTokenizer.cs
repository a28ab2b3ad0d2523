using LayerSkip.Engine.Tokenization.Bpe;
using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization;

/// <summary>A tokenizer without any file: a token for each byte of the UTF-8 text, and special tokens after them.</summary>
internal static class ByteTokenizer
{
    /// <param name="specialTokens">Texts of the special tokens, whose ids begin at 256.</param>
    public static Tokenizer Create(IReadOnlyList<string> specialTokens)
    {
        var bytes = new Dictionary<string, int>();
        for (var value = 0; value <= byte.MaxValue; value++)
        {
            bytes.Add(ByteLevelAlphabet.CharacterOf((byte)value).ToString(), value);
        }

        return new Tokenizer(new TokenizerDefinition
        {
            Origin = "the byte tokenizer",
            Family = TokenizerFamily.ByteLevelBpe,
            Model = new BpeModel(new Vocabulary(bytes), new MergeTable(), new BpeOptions()),
            AddedTokens =
            [
                .. specialTokens.Select((text, index) => new AddedToken(
                    bytes.Count + index, text, IsSpecial: true, IsNormalized: false, StripLeft: false, StripRight: false, IsSingleWord: false)),
            ],
            PreTokenizer = new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false),
            Decoder = new DecoderSettings { IsByteLevel = true },
        });
    }
}
