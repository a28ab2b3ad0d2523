namespace LayerSkip.Training.Tokenizers;

/// <summary>A token that is given rather than learned: it is found in a text as it is spelled, before any splitting and merging.</summary>
/// <param name="Content">Its spelling, 1 to 2000 UTF-16 code units of well-formed text; a leading space belongs to it (<c> [IN:GET_WEATHER</c>).</param>
/// <param name="IsSpecial">Whether it is a control token, which decoding leaves out unless asked and which users' words never become.</param>
public sealed record AddedTokenOptions(string Content, bool IsSpecial = false);
