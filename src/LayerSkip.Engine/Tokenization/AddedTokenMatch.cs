namespace LayerSkip.Engine.Tokenization;

/// <summary>An added token found in a text, with the white space it swallows: the characters from Start up to End.</summary>
internal readonly record struct AddedTokenMatch(int Start, int End, int Id);
