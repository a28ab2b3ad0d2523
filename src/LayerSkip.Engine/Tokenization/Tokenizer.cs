using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.Loading;
using LayerSkip.Engine.Tokenization.Normalization;
using LayerSkip.Engine.Tokenization.Patterns;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization;

/// <summary>A checkpoint's BPE tokenizer: text to token ids and back, as Hugging Face's fast tokenizers have it. Safe for concurrent use.</summary>
/// <remarks>
/// Added tokens are found first, then the text between them is normalized, split and merged. Lone surrogates in a text count
/// as U+FFFD. Time grows with n log n of a text's length, whatever the text.
/// </remarks>
public sealed class Tokenizer
{
    private readonly TokenizerDefinition _definition;
    private readonly TokenTable _tokens;
    private readonly TokenBytes _bytes;
    private readonly AddedTokenMatcher _rawMatcher;
    private readonly AddedTokenMatcher _normalizedMatcher;
    private readonly Lazy<TokenTrie> _trie;
    private readonly Lazy<TokenTrie> _startTrie;
    private readonly Lazy<int[]> _specialTokens;

    internal Tokenizer(TokenizerDefinition definition, int paddedSize = 0)
    {
        _definition = definition;
        _tokens = new TokenTable(definition.Model.Vocabulary, definition.AddedTokens, paddedSize);
        _bytes = new TokenBytes(_tokens, definition.Decoder, definition.Origin);
        _rawMatcher = new AddedTokenMatcher(
            definition.Origin,
            definition.AddedTokens.Where(token => !token.IsNormalized).Select(token => (token.Content, token)));
        var budget = new RegexBudget(definition.AddedTokens.Sum(token => token.Content.Length));
        _normalizedMatcher = new AddedTokenMatcher(
            definition.Origin,
            definition.AddedTokens.Where(token => token.IsNormalized).Select(token => (Normalize(token.Content, budget), token)));
        _trie = new(() => new TokenTrie(this, atStart: false));
        _startTrie = new(() => new TokenTrie(this, atStart: true));
        _specialTokens = new(() => [.. Enumerable.Range(0, VocabularySize).Where(IsSpecial)]);
    }

    /// <summary>What the tokenizer's smallest symbols are.</summary>
    public TokenizerFamily Family => _definition.Family;

    /// <summary>The largest id + 1, added tokens included; more where the model's vocabulary is padded beyond the tokenizer's.</summary>
    public int VocabularySize => _tokens.Size;

    /// <summary>Number of tokens that are no added ones. Whether the BPE model's own vocabulary lists the added ones too is up to the file format.</summary>
    public int BaseVocabularySize => _tokens.Count - _tokens.Added;

    /// <summary>Number of added tokens.</summary>
    public int AddedTokenCount => _tokens.Added;

    /// <summary>
    /// Loads a checkpoint directory's <c>tokenizer.json</c>, with what <c>tokenizer_config.json</c> says of a Llama tokenizer's special tokens, or, where
    /// there is none, its <c>vocab.json</c> and <c>merges.txt</c> (GPT-2); or the tokenizer in a GGUF file.
    /// </summary>
    /// <param name="path">The checkpoint's directory or file.</param>
    /// <exception cref="CheckpointException">Files are missing, damaged or of a kind that is not supported; the message says which, where and what was expected.</exception>
    public static Tokenizer Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return new Tokenizer(TokenizerFiles.Read(path));
    }

    /// <summary>
    /// Loads the tokenizer of a model, whose own vocabulary may be padded: the ids beyond the tokenizer's decode to nothing. Added tokens that the model
    /// has no row for are left out.
    /// </summary>
    /// <param name="path">The checkpoint's directory or file.</param>
    /// <param name="size">Rows of the model's embedding: the tokenizer's <see cref="VocabularySize"/>.</param>
    /// <exception cref="CheckpointException">As for <see cref="Load(string)"/>; or the model has no row for another token.</exception>
    internal static Tokenizer Load(string path, int size) => new(TokenizerFiles.Read(path).Within(size), size);

    /// <summary>Encodes a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether the post-processor's special tokens, such as a begin-of-sequence token, are put around it.</param>
    /// <param name="matching">Which added tokens the text itself may hold.</param>
    /// <returns>The token ids.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="matching"/> is not defined.</exception>
    /// <exception cref="CheckpointException">The checkpoint's own regular expression takes too long on this text.</exception>
    public int[] Encode(string text, bool addSpecialTokens = true, AddedTokenMatching matching = AddedTokenMatching.All)
    {
        ArgumentNullException.ThrowIfNull(text);
        AddedTokenRules.RequireDefined(matching, nameof(matching));
        return Encode(text, AddedTokenRules.Uniform(matching), addSpecialTokens);
    }

    /// <summary>Encodes a text of which some ranges must not, or not freely, turn into added tokens: a chat prompt with users' words in it.</summary>
    /// <remarks>
    /// The text is one: splitting and merging run across the ranges' borders. Only an added token is taken no further than every
    /// one of its own characters permits; at each position the longest permitted one is taken. White space that such a token
    /// swallows (<c>lstrip</c>, <c>rstrip</c>) may lie in any range.
    /// </remarks>
    /// <param name="text">The text.</param>
    /// <param name="ranges">Ranges of the text, in any order; where they overlap the strictest rule holds, and outside them <see cref="AddedTokenMatching.All"/>.</param>
    /// <param name="addSpecialTokens">Whether the post-processor's special tokens are put around the text.</param>
    /// <returns>The token ids.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A range does not lie inside the text, or its rule is not defined.</exception>
    /// <exception cref="CheckpointException">The checkpoint's own regular expression takes too long on this text.</exception>
    public int[] Encode(string text, ReadOnlySpan<AddedTokenRange> ranges, bool addSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Encode(text, AddedTokenRules.FromRanges(text.Length, ranges), addSpecialTokens);
    }

    /// <summary>Decodes tokens to text. Bytes that are not UTF-8 become U+FFFD, one for each maximal invalid subsequence.</summary>
    /// <param name="ids">Token ids. An id within the vocabulary that no token has decodes to nothing.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative, or not below <see cref="VocabularySize"/>.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var detokenizer = CreateDetokenizer(skipSpecialTokens);
        return detokenizer.Append(ids) + detokenizer.Flush();
    }

    /// <summary>A token's spelling in the vocabulary (<c>Ġhello</c>, <c>▁hello</c>), or null where no token has this id.</summary>
    public string? GetToken(int id) => (uint)id < (uint)_tokens.Size ? _tokens.Spelling(id) : null;

    /// <summary>The id of the token with this spelling in the vocabulary.</summary>
    /// <param name="token">The spelling.</param>
    /// <param name="id">The id, or 0 where there is none.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryGetId(string token, out int id)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _tokens.TryGetId(token, out id);
    }

    /// <summary>Whether this is the id of a special (control) token.</summary>
    public bool IsSpecial(int id) => _tokens.IsSpecial(id);

    /// <summary>Whether this is the id of an added token: one that is found whole in a text, before the model's own vocabulary splits the rest.</summary>
    public bool IsAdded(int id) => _tokens.IsAdded(id);

    /// <summary>The same tokenizer, but for special tokens that are text in it: what is decoded has them as they are spelled, and a constraint holds them to its language.</summary>
    /// <param name="ids">Their ids; those of other tokens change nothing.</param>
    public Tokenizer WithText(params ReadOnlySpan<int> ids)
    {
        int[] texts = [.. ids];
        var tokens = _definition.AddedTokens.Select(token => texts.Contains(token.Id) ? token with { IsSpecial = false } : token);
        return new Tokenizer(_definition with { AddedTokens = [.. tokens] }, VocabularySize);
    }

    /// <summary>The bytes that a token adds to a text, behind others: UTF-8, but not always whole characters. Special tokens have those of their spelling.</summary>
    /// <param name="id">A token id. An id within the vocabulary that no token has adds none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative, or not below <see cref="VocabularySize"/>.</exception>
    public byte[] GetBytes(int id)
    {
        RequireId(id, nameof(id));
        return BytesOf(id, isFirst: false).ToArray();
    }

    /// <summary>A decoder for tokens that come one by one.</summary>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    public StreamingDetokenizer CreateDetokenizer(bool skipSpecialTokens = true) => new(this, _definition.Decoder, skipSpecialTokens);

    internal ReadOnlySpan<byte> BytesOf(int id, bool isFirst) => _bytes.Get(id, isFirst);

    /// <summary>All tokens by their text, for constraints; built when first asked for.</summary>
    /// <param name="atStart">Whether the tokens stand at a text's very start.</param>
    internal TokenTrie Trie(bool atStart) => atStart ? _startTrie.Value : _trie.Value;

    /// <summary>Ids of all special tokens, ascending.</summary>
    internal int[] SpecialTokens => _specialTokens.Value;

    /// <summary>Writes what a token adds to a text: nothing where it is special.</summary>
    internal void WriteText(int id, bool atStart, Stream text)
    {
        if (_tokens.Spelling(id) is null || IsSpecial(id))
        {
            return;
        }

        var bytes = BytesOf(id, atStart);
        if (!atStart)
        {
            text.Write(Encoding.UTF8.GetBytes(_definition.Decoder.Separator));
        }
        else
        {
            var (content, count) = _definition.Decoder.Leading;
            for (; count > 0 && bytes.Length > 0 && bytes[0] == content; count--)
            {
                bytes = bytes[1..];
            }
        }

        text.Write(bytes);
    }

    internal void RequireId(int id, string parameter)
    {
        if ((uint)id >= (uint)_tokens.Size)
        {
            throw new ArgumentOutOfRangeException(
                parameter, id, $"Token id {id} does not lie in the tokenizer's vocabulary of {_tokens.Size} ids.");
        }
    }

    /// <summary>The text with U+FFFD for every lone surrogate: one code unit for one, so that ranges of the text stay where they are.</summary>
    internal static string WithoutLoneSurrogates(string text)
    {
        char[]? repaired = null;
        for (var i = 0; i < text.Length; i++)
        {
            i += text.AsSpan(i).IndexOfAnyInRange('\uD800', '\uDFFF') is >= 0 and var skip ? skip : text.Length - i;
            if (i == text.Length)
            {
                break;
            }

            if (Rune.TryGetRuneAt(text, i, out _))
            {
                i++;
            }
            else
            {
                repaired ??= text.ToCharArray();
                repaired[i] = '\uFFFD';
            }
        }

        return repaired is null ? text : new string(repaired);
    }

    private int[] Encode(string text, AddedTokenRules rules, bool addSpecialTokens)
    {
        text = WithoutLoneSurrogates(text);
        var ids = new List<int>((text.Length / 4) + 8);
        var budget = new RegexBudget(text.Length);
        if (addSpecialTokens)
        {
            ids.AddRange(_definition.Template.Before);
        }

        var position = 0;
        while (_rawMatcher.Next(text, position, rules) is { } match)
        {
            EncodeRaw(text, position, match.Start, rules, budget, ids);
            ids.Add(match.Id);
            position = match.End;
        }

        EncodeRaw(text, position, text.Length, rules, budget, ids);
        if (addSpecialTokens)
        {
            ids.AddRange(_definition.Template.After);
        }

        return [.. ids];
    }

    // A stretch between added tokens of the raw text: normalized, and searched for those of the normalized text.
    private void EncodeRaw(string text, int start, int end, AddedTokenRules rules, RegexBudget budget, List<int> ids)
    {
        if (start == end)
        {
            return;
        }

        var raw = start == 0 && end == text.Length ? text : text[start..end];
        rules = _normalizedMatcher.IsEmpty ? AddedTokenRules.Uniform(AddedTokenMatching.None) : rules.Slice(start, end - start);
        var normalized = NormalizedText.Start(raw, rules, budget, _definition.Origin);
        normalized = _definition.Normalizer?.Apply(normalized) ?? normalized;

        var position = 0;
        while (_normalizedMatcher.Next(normalized.Text, position, normalized.Rules) is { } match)
        {
            EncodeNormalized(normalized.Text.AsMemory(position..match.Start), isAtStart: start == 0 && position == 0, budget, ids);
            ids.Add(match.Id);
            position = match.End;
        }

        EncodeNormalized(normalized.Text.AsMemory(position), isAtStart: start == 0 && position == 0, budget, ids);
    }

    private void EncodeNormalized(ReadOnlyMemory<char> text, bool isAtStart, RegexBudget budget, List<int> ids)
    {
        var pieces = new PreTokenizedText(text, isAtStart, budget);
        _definition.PreTokenizer?.Apply(pieces);
        foreach (var piece in pieces.Pieces)
        {
            _definition.Model.Encode(pieces[piece], ids);
        }
    }

    private string Normalize(string text, RegexBudget budget)
    {
        var start = NormalizedText.Start(text, AddedTokenRules.Uniform(AddedTokenMatching.All), budget, _definition.Origin);
        return (_definition.Normalizer?.Apply(start) ?? start).Text;
    }
}
