using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Tokenization.Bpe;
using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.Normalization;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads the tokenizer in a GGUF file's metadata: byte-level BPE (<c>gpt2</c>), or SentencePiece's with scores (<c>llama</c>).</summary>
internal sealed class GgufTokenizer
{
    /// <summary>The id of a SentencePiece model's end-of-sequence token, unless the file says otherwise.</summary>
    public const int SentencePieceEnd = 2;

    private const string SpaceMark = "▁";

    private readonly GgufMetadata _metadata;
    private readonly string[] _tokens;
    private readonly int[] _types;

    private GgufTokenizer(GgufMetadata metadata)
    {
        _metadata = metadata;
        _tokens = metadata.TextsOrNull(GgufKeys.Tokens) ?? throw metadata.Missing(GgufKeys.Tokens, "the vocabulary's spellings");
        if (_tokens.Length is 0 or > ModelReader.IdLimit)
        {
            throw metadata.Wrong(GgufKeys.Tokens, $"1 to {ModelReader.IdLimit} spellings");
        }

        _types = metadata.IntegersOrNull(GgufKeys.TokenTypes, (int)GgufTokenType.Undefined, (int)GgufTokenType.Byte)
            ?? [.. Enumerable.Repeat((int)GgufTokenType.Normal, _tokens.Length)];
        if (_types.Length != _tokens.Length)
        {
            throw metadata.Wrong(GgufKeys.TokenTypes, $"one type for each of the {_tokens.Length} tokens");
        }
    }

    /// <summary>Reads the tokenizer.</summary>
    /// <exception cref="CheckpointException">A key is missing or damaged, or the tokenizer is of a kind that is not supported.</exception>
    public static TokenizerDefinition Read(GgufMetadata metadata)
    {
        const string Expected = "'gpt2' (byte-level BPE) or 'llama' (SentencePiece)";
        return metadata.Text(GgufKeys.TokenizerModel, Expected) switch
        {
            "gpt2" => new GgufTokenizer(metadata).ReadByteLevel(),
            "llama" => new GgufTokenizer(metadata).ReadSentencePiece(),
            _ => throw metadata.Wrong(GgufKeys.TokenizerModel, Expected),
        };
    }

    private TokenizerDefinition ReadByteLevel()
    {
        var splitting = GgufPreTokenizers.Find(_metadata);
        var vocabulary = ReadVocabulary();
        var lines = _metadata.TextsOrNull(GgufKeys.Merges) ?? throw _metadata.Missing(GgufKeys.Merges, "the merges of the BPE");
        var merges = new MergeTableBuilder(vocabulary, $"{_metadata.File}: {GgufKeys.Merges}");
        foreach (var line in lines)
        {
            merges.Add(line);
        }

        return new TokenizerDefinition
        {
            Origin = _metadata.File,
            Family = TokenizerFamily.ByteLevelBpe,
            Model = new BpeModel(vocabulary, merges.Build(), new BpeOptions { IgnoreMerges = splitting.IgnoresMerges }),
            AddedTokens = ReadAddedTokens(),
            PreTokenizer = splitting.Create(_metadata.File),
            Template = ReadTemplate(addsBegin: splitting.AddsBegin, begin: null, end: null),
            Decoder = new DecoderSettings { IsByteLevel = true },
        };
    }

    private TokenizerDefinition ReadSentencePiece()
    {
        var vocabulary = ReadVocabulary();
        var scores = _metadata.NumbersOrNull(GgufKeys.Scores) ?? throw _metadata.Missing(GgufKeys.Scores, "the scores of the tokens");
        if (scores.Length != _tokens.Length || Array.Exists(scores, float.IsNaN))
        {
            throw _metadata.Wrong(GgufKeys.Scores, $"one number for each of the {_tokens.Length} tokens");
        }

        var addsSpace = _metadata.BooleanOrNull(GgufKeys.AddSpacePrefix) ?? true;
        var replace = new ReplaceNormalizer(new LiteralPattern(" "), SpaceMark);
        var unknown = _metadata.TokenOrNull(GgufKeys.UnknownId, _tokens.Length) ?? Array.IndexOf(_types, (int)GgufTokenType.Unknown);
        return new TokenizerDefinition
        {
            Origin = _metadata.File,
            Family = TokenizerFamily.SentencePieceBpe,
            Model = new BpeModel(vocabulary, ScoredMerges.Build(_metadata, vocabulary, _tokens, _types, scores), new BpeOptions
            {
                ByteIds = ModelReader.ByteIds(vocabulary),
                UnknownId = unknown < 0 ? null : unknown,
                FuseUnknown = true,
            }),
            AddedTokens = ReadAddedTokens(),
            Normalizer = addsSpace ? new SequenceNormalizer([new PrependNormalizer(SpaceMark), replace]) : replace,
            Template = ReadTemplate(addsBegin: true, begin: 1, end: SentencePieceEnd),
            Decoder = new DecoderSettings
            {
                Steps = [new ReplaceStep(new LiteralPattern(SpaceMark), " ", _metadata.File)],
                HasByteFallback = true,
                Leading = addsSpace ? (' ', 1) : default,
            },
        };
    }

    /// <summary>Every token but unused ones, whose ids stay without a token, and control tokens, which no text may merge into.</summary>
    private Vocabulary ReadVocabulary()
    {
        var ids = new Dictionary<string, int>(_tokens.Length);
        for (var id = 0; id < _tokens.Length; id++)
        {
            if (_types[id] is (int)GgufTokenType.Unused or (int)GgufTokenType.Control)
            {
                continue;
            }

            if (_tokens[id].Length > Vocabulary.MaxTokenLength)
            {
                throw new CheckpointException(
                    $"{_metadata.File}: {GgufKeys.Tokens}[{id}] is {_tokens[id].Length} characters long, expected at most {Vocabulary.MaxTokenLength}");
            }

            if (!ids.TryAdd(_tokens[id], id))
            {
                throw new CheckpointException(
                    $"{_metadata.File}: {GgufKeys.Tokens}[{id}] is {ErrorText.Quote(_tokens[id])}, which is token {ids[_tokens[id]]} already, expected each once");
            }
        }

        return new Vocabulary(ids);
    }

    private List<AddedToken> ReadAddedTokens()
    {
        var added = new List<AddedToken>();
        for (var id = 0; id < _tokens.Length; id++)
        {
            if (_types[id] is (int)GgufTokenType.Control or (int)GgufTokenType.UserDefined or (int)GgufTokenType.Unknown)
            {
                added.Add(new AddedToken(
                    id,
                    _tokens[id],
                    IsSpecial: _types[id] != (int)GgufTokenType.UserDefined,
                    IsNormalized: false,
                    StripLeft: false,
                    StripRight: false,
                    IsSingleWord: false));
            }
        }

        return added;
    }

    private SpecialTokenTemplate ReadTemplate(bool addsBegin, int? begin, int? end)
    {
        var before = _metadata.BooleanOrNull(GgufKeys.AddBegin) ?? addsBegin ? Id(GgufKeys.BeginId, begin) : null;
        var after = _metadata.BooleanOrNull(GgufKeys.AddEnd) ?? false ? Id(GgufKeys.EndId, end) : null;
        return new SpecialTokenTemplate(before is { } first ? [first] : [], after is { } last ? [last] : []);
    }

    private int? Id(string key, int? otherwise) =>
        _metadata.IntegerOrNull(key, 0, _tokens.Length - 1) ?? (otherwise < _tokens.Length ? otherwise : null);
}
