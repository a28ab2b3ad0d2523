namespace LayerSkip.Engine.Tokenization;

/// <summary>The rule for the matching of added tokens at every character of a text: one for all, or one a character.</summary>
internal readonly struct AddedTokenRules
{
    private readonly AddedTokenMatching[]? _perCharacter;
    private readonly AddedTokenMatching _uniform;

    private AddedTokenRules(AddedTokenMatching[]? perCharacter, AddedTokenMatching uniform)
    {
        _perCharacter = perCharacter;
        _uniform = uniform;
    }

    public bool IsUniform => _perCharacter is null;

    public AddedTokenMatching this[int index] => _perCharacter is null ? _uniform : _perCharacter[index];

    public static AddedTokenRules Uniform(AddedTokenMatching matching) => new(null, matching);

    /// <summary>One rule a character (UTF-16 code unit).</summary>
    public static AddedTokenRules PerCharacter(AddedTokenMatching[] rules) => new(rules, default);

    /// <summary>All outside the ranges; where ranges overlap, the stricter rule.</summary>
    public static AddedTokenRules FromRanges(int textLength, ReadOnlySpan<AddedTokenRange> ranges)
    {
        if (ranges.IsEmpty)
        {
            return Uniform(AddedTokenMatching.All);
        }

        var rules = new AddedTokenMatching[textLength];
        foreach (var range in ranges)
        {
            if (range.Start < 0 || range.Length < 0 || range.Start > textLength - range.Length)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(ranges), $"The range of {range.Length} characters from {range.Start} does not lie inside the text of {textLength} characters.");
            }

            RequireDefined(range.Matching, nameof(ranges));
            foreach (ref var rule in rules.AsSpan(range.Start, range.Length))
            {
                rule = Stricter(rule, range.Matching);
            }
        }

        return PerCharacter(rules);
    }

    public AddedTokenRules Slice(int start, int length) =>
        _perCharacter is null ? this : PerCharacter(_perCharacter.AsSpan(start, length).ToArray());

    /// <summary>The strictest rule of a range of characters.</summary>
    public AddedTokenMatching Strictest(int start, int length)
    {
        var strictest = _uniform;
        if (_perCharacter is not null)
        {
            foreach (var rule in _perCharacter.AsSpan(start, length))
            {
                strictest = Stricter(strictest, rule);
            }
        }

        return strictest;
    }

    public static AddedTokenMatching Stricter(AddedTokenMatching a, AddedTokenMatching b) => a > b ? a : b;

    public static void RequireDefined(AddedTokenMatching matching, string parameter)
    {
        if (matching is < AddedTokenMatching.All or > AddedTokenMatching.None)
        {
            throw new ArgumentOutOfRangeException(parameter, matching, "Not a defined AddedTokenMatching.");
        }
    }
}
