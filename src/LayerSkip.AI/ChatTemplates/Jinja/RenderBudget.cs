using System.Runtime.CompilerServices;

namespace LayerSkip.AI.ChatTemplates.Jinja;

/// <summary>One rendering's account of steps, nesting and sizes, and the line it stands on.</summary>
internal sealed class RenderBudget(JinjaLimits limits)
{
    /// <summary>Characters that may be copied, compared, hashed or searched for the price of one step.</summary>
    public const int CharactersPerStep = 16;

    // An item is copied as a reference, but its origin and depth are looked at too.
    private const int CharactersPerItem = 4;

    // Beyond this a search may cost needle x haystack, because a hostile needle matches almost everywhere.
    private const int ShortNeedle = 32;

    // Counted in characters, so that many small texts cost what one long text costs.
    private long _remaining = (long)limits.Steps * CharactersPerStep;
    private int _depth;

    /// <summary>The line of the node under evaluation: where an error belongs.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>Goes one node deeper; hand the result, the enclosing node's line, to <see cref="Leave"/>.</summary>
    public int Enter(int line)
    {
        var enclosing = Line;
        Line = line;
        Spend(1);
        if (++_depth > limits.EvaluationDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new JinjaException($"expressions, blocks or macro calls are nested too deeply (more than {Math.Min(_depth - 1, limits.EvaluationDepth)} levels).");
        }

        return enclosing;
    }

    public void Leave(int enclosingLine)
    {
        _depth--;
        Line = enclosingLine;
    }

    public void Spend(long steps) => SpendCharacters(steps * CharactersPerStep);

    public void SpendCharacters(long characters)
    {
        _remaining -= characters;
        if (_remaining < 0)
        {
            throw new JinjaException($"the template takes more than the {limits.Steps} steps a rendering may take.");
        }
    }

    /// <summary>Pays for finding every place of <paramref name="needle"/> in <paramref name="haystack"/>.</summary>
    public void SpendSearch(string haystack, string needle)
    {
        if (needle.Length <= haystack.Length)
        {
            SpendCharacters(needle.Length <= ShortNeedle
                ? haystack.Length
                : haystack.Length + ((long)haystack.Length * needle.Length / CharactersPerStep));
        }
    }

    public void CheckTextLength(long length)
    {
        if (length > limits.TextLength)
        {
            throw new JinjaException($"a text would grow past the {limits.TextLength} characters it may have.");
        }
    }

    /// <summary>Checks and pays for a list of this many items.</summary>
    public void SpendItems(long count)
    {
        CheckItemCount(count);
        SpendCharacters(count * CharactersPerItem);
    }

    public void CheckItemCount(long count)
    {
        if (count > limits.Items)
        {
            throw new JinjaException($"a list would grow past the {limits.Items} items it may have.");
        }
    }
}
