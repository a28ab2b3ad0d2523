namespace LayerSkip.Training.Tokenizers;

/// <summary>A symbol of a word: a byte at first, then what it and its right neighbours have been merged into.</summary>
internal struct SymbolNode
{
    /// <summary>Stands for no neighbour, and for the token of a symbol that was merged into its left neighbour.</summary>
    public const int None = -1;

    /// <summary>The token's id.</summary>
    public int Token;

    /// <summary>The left neighbour's place, or <see cref="None"/> at the word's start.</summary>
    public int Previous;

    /// <summary>The right neighbour's place, or <see cref="None"/> at the word's end.</summary>
    public int Next;

    /// <summary>The word's number.</summary>
    public int Word;
}
