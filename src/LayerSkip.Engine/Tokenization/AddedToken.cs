using System.Text;

namespace LayerSkip.Engine.Tokenization;

/// <summary>An entry of <c>added_tokens</c>: a token which is looked for in the text before any BPE.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its spelling; an empty one is never matched.</param>
/// <param name="IsSpecial">A control token: left out by a decoding which skips special tokens.</param>
/// <param name="IsNormalized">Looked for in the normalized text (as its own normalized spelling), not in the raw text.</param>
/// <param name="StripLeft">Swallows the white space before it.</param>
/// <param name="StripRight">Swallows the white space after it.</param>
/// <param name="IsSingleWord">Matches only where no word character touches it.</param>
internal sealed record AddedToken(
    int Id,
    string Content,
    bool IsSpecial,
    bool IsNormalized,
    bool StripLeft,
    bool StripRight,
    bool IsSingleWord)
{
    /// <summary>Whether it is no more than the text it spells: not special, and one character or white space, as no marker is.</summary>
    public bool IsPlainText => !IsSpecial
        && (string.IsNullOrWhiteSpace(Content) || (Rune.TryGetRuneAt(Content, 0, out var first) && first.Utf16SequenceLength == Content.Length));
}
