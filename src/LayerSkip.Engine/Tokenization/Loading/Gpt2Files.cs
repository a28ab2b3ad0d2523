using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Bpe;
using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads GPT-2's bare <c>vocab.json</c> and <c>merges.txt</c>; everything else is as GPT-2 has it.</summary>
internal static class Gpt2Files
{
    private const string EndOfText = "<|endoftext|>";

    public static TokenizerDefinition Read(JsonField vocabularyFile, string mergesFile, byte[] mergesBytes)
    {
        var vocabulary = ModelReader.ReadVocabulary(vocabularyFile);
        return new TokenizerDefinition
        {
            Origin = vocabularyFile.File,
            Family = TokenizerFamily.ByteLevelBpe,
            Model = new BpeModel(vocabulary, ReadMerges(vocabulary, mergesFile, mergesBytes), new BpeOptions()),
            AddedTokens = vocabulary.TryGetId(EndOfText, out var id)
                ? [new AddedToken(id, EndOfText, IsSpecial: true, IsNormalized: false, StripLeft: false, StripRight: false, IsSingleWord: false)]
                : [],
            PreTokenizer = new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: true),
            Decoder = new DecoderSettings { IsByteLevel = true },
        };
    }

    private static MergeTable ReadMerges(Vocabulary vocabulary, string file, byte[] bytes)
    {
        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new CheckpointException($"{file} is not UTF-8: {e.Message}", e);
        }

        var merges = new MergeTableBuilder(vocabulary, file);
        foreach (var range in text.AsSpan().Split('\n'))
        {
            var line = text.AsSpan()[range].TrimEnd('\r');
            if (!line.IsEmpty && !line.StartsWith("#version"))
            {
                merges.Add(line);
            }
        }

        return merges.Build();
    }
}
