using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Tokenization.Patterns;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Tells a checkpoint's tokenizer in the keys of a GGUF file.</summary>
/// <remarks>What those keys cannot tell, such as added tokens that swallow white space, is refused: other programs would encode otherwise.</remarks>
internal sealed class GgufTokenizerWriter
{
    private readonly string _origin;
    private readonly TokenizerDefinition _definition;
    private readonly IReadOnlyDictionary<string, string> _specialTokens;
    private readonly GenerationDefaults _generation;
    private readonly string[] _tokens;
    private readonly int[] _types;

    private GgufTokenizerWriter(
        string origin,
        TokenizerDefinition definition,
        int vocabularySize,
        IReadOnlyDictionary<string, string> specialTokens,
        GenerationDefaults generation)
    {
        _origin = origin;
        _definition = definition;
        _specialTokens = specialTokens;
        _generation = generation;
        _tokens = [.. Enumerable.Range(0, vocabularySize).Select(id => FormattableString.Invariant($"[PAD{id}]"))];
        _types = [.. Enumerable.Repeat((int)GgufTokenType.Unused, vocabularySize)];
    }

    /// <summary>Adds a checkpoint's tokenizer.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="path">The checkpoint: a directory, or a GGUF file, whose keys are copied.</param>
    /// <param name="vocabularySize">Rows of the embedding: ids that no token has become unused tokens.</param>
    /// <param name="specialTokens">Spellings of special tokens by name, such as <c>bos_token</c>.</param>
    /// <param name="generation">Names them where <paramref name="specialTokens"/> does not.</param>
    /// <exception cref="CheckpointException">There is no tokenizer, or one that a GGUF file cannot tell.</exception>
    public static void Add(
        GgufWriter writer, string path, int vocabularySize, IReadOnlyDictionary<string, string> specialTokens, GenerationDefaults generation)
    {
        if (File.Exists(path))
        {
            GgufFile.ReadMetadata(path).CopyTo(writer, "tokenizer.");
            return;
        }

        var definition = TokenizerFiles.Read(path).Within(vocabularySize);
        var json = Path.Combine(path, "tokenizer.json");
        var tokenizer = new GgufTokenizerWriter(File.Exists(json) ? json : path, definition, vocabularySize, specialTokens, generation);
        tokenizer.CollectTokens();
        if (definition.Family == TokenizerFamily.ByteLevelBpe)
        {
            tokenizer.AddByteLevel(writer, File.Exists(json) ? TokenizerFiles.ReadJson(json, tokenizer.NameSplitting) : tokenizer.NameGpt2Splitting());
        }
        else
        {
            tokenizer.AddSentencePiece(writer, TokenizerFiles.ReadJson(json, tokenizer.AddsSpacePrefix));
        }

        tokenizer.AddSpecialTokens(writer);
    }

    private void CollectTokens()
    {
        foreach (var (token, id) in _definition.Model.Vocabulary.Tokens)
        {
            SetToken(id, token, GgufTokenType.Normal);
        }

        foreach (var token in _definition.AddedTokens)
        {
            if (token.StripLeft || token.StripRight || token.IsSingleWord)
            {
                throw Refuse($"the added token {ErrorText.Quote(token.Content)} has lstrip, rstrip or single_word, which a GGUF file cannot tell");
            }

            SetToken(token.Id, token.Content, token.IsSpecial ? GgufTokenType.Control : GgufTokenType.UserDefined);
        }
    }

    private void SetToken(int id, string token, GgufTokenType type) => (_tokens[id], _types[id]) = (token, (int)type);

    private void AddByteLevel(GgufWriter writer, string splitting)
    {
        writer.Add(GgufKeys.TokenizerModel, "gpt2");
        writer.Add(GgufKeys.PreTokenizer, splitting);
        AddTokens(writer);
        writer.Add(
            GgufKeys.Merges,
            [.. _definition.Model.Merges.Entries().OrderBy(merge => merge.Rank).Select(merge => $"{_tokens[merge.Left]} {_tokens[merge.Right]}")]);
    }

    private void AddSentencePiece(GgufWriter writer, bool addsSpacePrefix)
    {
        var options = _definition.Model.Options;
        if (options.ByteIds is not { } bytes || Array.IndexOf(bytes, -1) >= 0)
        {
            throw Refuse("model.byte_fallback is off or a byte's token is missing, expected the tokens <0x00> to <0xFF>");
        }

        foreach (var id in bytes)
        {
            _types[id] = (int)GgufTokenType.Byte;
        }

        if (options.UnknownId is { } unknown)
        {
            _types[unknown] = (int)GgufTokenType.Unknown;
            writer.Add(GgufKeys.UnknownId, unknown);
        }

        writer.Add(GgufKeys.TokenizerModel, "llama");
        writer.Add(GgufKeys.PreTokenizer, "default");
        AddTokens(writer);
        writer.Add(GgufKeys.Scores, ScoredMerges.ToScores(_origin, _definition.Model, _tokens, _types));
        writer.Add(GgufKeys.AddSpacePrefix, addsSpacePrefix);
    }

    private void AddTokens(GgufWriter writer)
    {
        writer.Add(GgufKeys.Tokens, _tokens);
        writer.Add(GgufKeys.TokenTypes, _types);
    }

    private void AddSpecialTokens(GgufWriter writer)
    {
        var begin = Around(_definition.Template.Before, "bos_token", _generation.BeginOfSequenceId);
        var end = Around(_definition.Template.After, "eos_token", _generation.EndOfSequenceIds.Count > 0 ? _generation.EndOfSequenceIds[0] : null);
        foreach (var (key, id) in (ReadOnlySpan<(string, int?)>)
            [(GgufKeys.BeginId, begin), (GgufKeys.EndId, end), (GgufKeys.PadId, Padding())])
        {
            if (id is { } known)
            {
                writer.Add(key, known);
            }
        }

        writer.Add(GgufKeys.AddBegin, _definition.Template.Before.Count > 0);
        writer.Add(GgufKeys.AddEnd, _definition.Template.After.Count > 0);
    }

    /// <summary>The token of a name, which must be the one that is put around texts, if any is.</summary>
    private int? Around(IReadOnlyList<int> template, string name, int? otherwise)
    {
        var named = Named(name) ?? (template.Count > 0 ? template[0] : otherwise);
        return template.Count == 0 || (template.Count == 1 && template[0] == named)
            ? named
            : throw Refuse($"post_processor puts other tokens around a text than the {name}, which a GGUF file cannot tell");
    }

    // One that the model has no row for is none.
    private int? Padding() =>
        _specialTokens.TryGetValue("pad_token", out var spelling) && Array.IndexOf(_tokens, spelling) is >= 0 and var id ? id : _generation.PadId;

    private int? Named(string name)
    {
        if (!_specialTokens.TryGetValue(name, out var spelling))
        {
            return null;
        }

        var id = Array.IndexOf(_tokens, spelling);
        return id >= 0 ? id : throw Refuse($"{name} is {ErrorText.Quote(spelling)}, expected a token of the vocabulary");
    }

    /// <summary>The name that GGUF has for a byte-level tokenizer's way of splitting.</summary>
    private string NameSplitting(JsonField root)
    {
        RequireAbsent(root, "normalizer", "normalizers");
        var splitting = root.Get("pre_tokenizer", "a pre-tokenizer");
        var steps = Steps(splitting, "pretokenizers");
        string? name = null;
        if (steps is [.., var last] && last.AsType("a pre-tokenizer's type") == "ByteLevel" && last.Find("add_prefix_space")?.AsBoolean() == false)
        {
            var expressions = steps.SkipLast(1).Select(ExpressionOf);
            if (last.Find("use_regex")?.AsBoolean() ?? true)
            {
                expressions = expressions.Append(GptPattern.Expression(GptDialect.Gpt2));
            }

            name = expressions.ToArray() is var all && Array.IndexOf(all, null) < 0 ? GgufPreTokenizers.NameOf(all!, _definition.Model.Options.IgnoreMerges) : null;
        }

        return name ?? throw splitting.Unexpected("a splitting that GGUF has a name for, such as that of GPT-2, Llama 3, Qwen2 or SmolLM");
    }

    /// <summary>Of GPT-2's own files.</summary>
    private string NameGpt2Splitting() => _definition.PreTokenizer is ByteLevelPreTokenizer { AddsPrefixSpace: true }
        ? throw Refuse("add_prefix_space is true, which a GGUF file cannot tell")
        : "gpt-2";

    /// <summary>The expression whose matches, and what lies between them, are the pieces that a step makes; null where none does it.</summary>
    private static string? ExpressionOf(JsonField step)
    {
        switch (step.AsType("a type"))
        {
            case "Digits":
                return step.Find("individual_digits")?.AsBoolean() == true ? @"\p{N}" : @"\p{N}+";
            case "Split" when step.Find("pattern")?.Find("Regex")?.AsString() is { } expression:
                return step.Find("behavior")?.AsString() switch
                {
                    "Isolated" => WithEscapedLineEnds(expression),

                    // Nothing lies between the matches of these, so that nothing is removed.
                    "Removed" when step.Find("invert")?.AsBoolean() == true && GptPattern.TryRecognize(expression) is not null => expression,
                    _ => null,
                };
            default:
                return null;
        }
    }

    // A file may hold line ends themselves.
    private static string WithEscapedLineEnds(string expression) =>
        expression.Replace("\r", @"\r", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);

    /// <summary>Whether a SentencePiece tokenizer puts a space before texts.</summary>
    private bool AddsSpacePrefix(JsonField root)
    {
        const string Expected = "'Prepend' and 'Replace' of a space by '▁', as SentencePiece has it, or the 'Replace' alone";
        RequireAbsent(root, "pre_tokenizer", "pretokenizers");
        var normalizer = root.Get("normalizer", Expected);
        var steps = Steps(normalizer, "normalizers");
        var isReplace = steps is [.., var last] && last.AsType(Expected) == "Replace"
            && last.Find("pattern")?.Find("String")?.AsString() == " "
            && last.Find("content")?.AsString() == "▁";
        return steps switch
        {
            [_] when isReplace => false,
            [var first, _] when isReplace && first.AsType(Expected) == "Prepend" && first.Find("prepend")?.AsString() == "▁" => true,
            _ => throw normalizer.Unexpected(Expected),
        };
    }

    /// <summary>What a step does, one thing after the other: itself, or the steps of a <c>Sequence</c>.</summary>
    /// <param name="field">The step.</param>
    /// <param name="name">Where a sequence has its steps.</param>
    private static List<JsonField> Steps(JsonField field, string name) =>
        field.AsType("a type") == "Sequence" ? [.. field.Get(name, "an array").Items().SelectMany(step => Steps(step, name))] : [field];

    // A sequence of nothing does nothing.
    private static void RequireAbsent(JsonField root, string name, string steps)
    {
        if (root.Find(name) is { } field && Steps(field, steps).Count > 0)
        {
            throw field.Unexpected("null: a GGUF file cannot tell it");
        }
    }

    private CheckpointException Refuse(string why) => new($"{_origin}: {why}");
}
