using System.Runtime.InteropServices;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Patterns;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Training.Tokenizers;

/// <summary>How often each word stands in the texts: the pieces, spelled in GPT-2's byte alphabet, that the tokenizer will merge on their own.</summary>
/// <remarks>The engine's own matcher and splitter cut the texts, so that training sees just what encoding will see.</remarks>
internal sealed class WordCounts
{
    private static readonly ByteLevelPreTokenizer s_splitter = new(addPrefixSpace: false, useRegex: true);

    private readonly AddedTokenMatcher _addedTokens;
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> _countsBySpan;

    /// <param name="addedTokens">Tokens at which texts are cut, and which belong to no word.</param>
    public WordCounts(IEnumerable<AddedToken> addedTokens)
    {
        _addedTokens = new AddedTokenMatcher("the tokenizer to train", addedTokens.Select(token => (token.Content, token)));
        _countsBySpan = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public IReadOnlyDictionary<string, long> Counts => _counts;

    /// <summary>Counts a text's words. Lone surrogates count as U+FFFD.</summary>
    public void Add(string text)
    {
        text = Tokenizer.WithoutLoneSurrogates(text);
        var position = 0;
        while (_addedTokens.Next(text, position, AddedTokenRules.Uniform(AddedTokenMatching.All)) is { } match)
        {
            AddStretch(text.AsMemory(position..match.Start));
            position = match.End;
        }

        AddStretch(text.AsMemory(position));
    }

    private void AddStretch(ReadOnlyMemory<char> text)
    {
        var words = new PreTokenizedText(text, isAtStart: false, new RegexBudget(text.Length));
        s_splitter.Apply(words);
        foreach (var word in words.Pieces)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_countsBySpan, words[word], out _)++;
        }
    }
}
