using System.Buffers;
using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;
using Microsoft.ML.Tokenizers;
using Tokenizer = LayerSkip.Engine.Tokenization.Tokenizer;

namespace LayerSkip.Tokenizers;

/// <summary>
/// A model's tokenizer as Microsoft.ML.Tokenizers has it: for chunkers and budgets, which then count exactly what the model will read. Safe for concurrent use.
/// </summary>
/// <remarks>
/// <para>
/// Tokens are those of <see cref="Tokenizer.Encode(string, bool, AddedTokenMatching)"/>, without the special tokens that a post-processor puts around a text. A model reads
/// text in one way alone, so the settings <c>considerNormalization</c> and <c>considerPreTokenization</c> change nothing.
/// </para>
/// <para>
/// Offsets are UTF-16 positions in the text that was given; where its tokens decode to another one, since the tokenizer normalizes it, they are positions in that, which is
/// then the normalized text. A token that ends within a character ends before it, so that no cut parts a character; one from the end begins with a token that begins one.
/// </para>
/// </remarks>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="matching">Which added tokens the texts may hold: no markers, as what users say, unless told otherwise.</param>
public sealed class ModelTokenizer(Tokenizer tokenizer, AddedTokenMatching matching = AddedTokenMatching.None) : Microsoft.ML.Tokenizers.Tokenizer
{
    private readonly Tokenizer _tokenizer = tokenizer ?? throw new ArgumentNullException(nameof(tokenizer));

    private readonly AddedTokenMatching _matching = Enum.IsDefined(matching)
        ? matching
        : throw new ArgumentOutOfRangeException(nameof(matching), matching, $"Expected a value of {nameof(AddedTokenMatching)}.");

    /// <summary>Decodes tokens, special ones left out.</summary>
    /// <param name="ids">Token ids.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id does not lie in the vocabulary.</exception>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return _tokenizer.Decode([.. ids]);
    }

    /// <summary>Decodes tokens, special ones left out, as far as there is room; never half a character.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="destination">Takes the text.</param>
    /// <param name="idsConsumed">How many ids, from the first on, the text that was written is of: decoding goes on with the next. They end with a whole character.</param>
    /// <param name="charsWritten">UTF-16 length of what was written. The destination may hold some of the next text behind it.</param>
    /// <returns>
    /// <see cref="OperationStatus.Done"/>, <see cref="OperationStatus.DestinationTooSmall"/>, or <see cref="OperationStatus.InvalidData"/> where an id does not lie in the vocabulary.
    /// </returns>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        (idsConsumed, charsWritten) = (0, 0);
        var text = _tokenizer.CreateDetokenizer();
        var (read, length) = (0, 0);
        foreach (var id in ids)
        {
            if (id < 0 || id >= _tokenizer.VocabularySize)
            {
                return OperationStatus.InvalidData;
            }

            read++;
            var piece = text.Append(id);
            if (!piece.TryCopyTo(destination[length..]))
            {
                return OperationStatus.DestinationTooSmall;
            }

            length += piece.Length;
            if (!text.HoldsText)
            {
                (idsConsumed, charsWritten) = (read, length);
            }
        }

        var rest = text.Flush();
        if (!rest.TryCopyTo(destination[length..]))
        {
            return OperationStatus.DestinationTooSmall;
        }

        (idsConsumed, charsWritten) = (read, length + rest.Length);
        return OperationStatus.Done;
    }

    /// <inheritdoc/>
    /// <exception cref="CheckpointException">The checkpoint's own regular expression takes too long on this text.</exception>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var whole = text ?? textSpan.ToString();
        var ids = _tokenizer.Encode(whole, addSpecialTokens: false, _matching);
        var (ends, decoded) = Decode(ids);
        var tokens = new EncodedToken[Math.Min(ids.Length, settings.MaxTokenCount)];
        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = new(ids[i], _tokenizer.GetToken(ids[i]) ?? string.Empty, new Range(i == 0 ? 0 : ends[i - 1], ends[i]));
        }

        return new()
        {
            Tokens = tokens,
            NormalizedText = decoded == whole ? null : decoded,
            CharsConsumed = tokens.Length == 0 ? 0 : ends[tokens.Length - 1],
        };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount < int.MaxValue)
        {
            var results = EncodeToTokens(text, textSpan, settings);
            return new() { Tokens = [.. results.Tokens.Select(token => token.Id)], NormalizedText = results.NormalizedText, CharsConsumed = results.CharsConsumed };
        }

        return new() { Tokens = _tokenizer.Encode(text ?? textSpan.ToString(), addSpecialTokens: false, _matching), CharsConsumed = text?.Length ?? textSpan.Length };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        Math.Min(_tokenizer.Encode(text ?? textSpan.ToString(), addSpecialTokens: false, _matching).Length, settings.MaxTokenCount);

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        if (!fromEnd)
        {
            return base.GetIndexByTokenCount(text, textSpan, settings, fromEnd, out normalizedText, out tokenCount);
        }

        var most = settings.MaxTokenCount;
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1, nameof(settings));
        settings.MaxTokenCount = int.MaxValue;
        var results = EncodeToTokens(text, textSpan, settings);
        normalizedText = results.NormalizedText;

        // A token that begins within a character would bring those before it along, beyond what may be taken.
        var first = Math.Max(0, results.Tokens.Count - most);
        while (first < results.Tokens.Count && IsWithinCharacter(results.Tokens[first].Id))
        {
            first++;
        }

        tokenCount = results.Tokens.Count - first;
        return tokenCount > 0 ? results.Tokens[first].Offset.Start.Value : results.CharsConsumed;
    }

    /// <summary>Whether a token's first byte goes on with a character of UTF-8.</summary>
    private bool IsWithinCharacter(int id) => _tokenizer.GetBytes(id) is [>= 0x80 and < 0xC0, ..];

    /// <summary>What tokens decode to, and where each of them ends in it.</summary>
    private (int[] Ends, string Text) Decode(int[] ids)
    {
        var detokenizer = _tokenizer.CreateDetokenizer(skipSpecialTokens: false);
        var text = new StringBuilder();
        var ends = new int[ids.Length];
        for (var i = 0; i < ids.Length; i++)
        {
            text.Append(detokenizer.Append(ids[i]));
            ends[i] = text.Length;
        }

        text.Append(detokenizer.Flush());
        if (ends.Length > 0)
        {
            ends[^1] = text.Length;
        }

        return (ends, text.ToString());
    }
}
