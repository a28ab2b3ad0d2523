namespace LayerSkip.Engine.Tokenization;

/// <summary>Which added tokens (control tokens, chat markers, domain tokens) a text may be encoded as.</summary>
/// <remarks>Ordered from the most to the least permissive. Whatever is not matched is encoded as ordinary text.</remarks>
public enum AddedTokenMatching
{
    /// <summary>Every added token is matched: text the application itself wrote, such as a rendered chat template.</summary>
    All = 0,

    /// <summary>Only added tokens which are not special are matched.</summary>
    NonSpecial = 1,

    /// <summary>
    /// No added token that could be a marker is matched, only single characters and white space that are not special, which many vocabularies add since their
    /// BPE lacks them: text from users, which must never turn into control tokens.
    /// </summary>
    None = 2,
}
