using LayerSkip.AI.ChatTemplates.Jinja.Library;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A text that knows the origin of each of its characters.</summary>
/// <remarks>Offsets and lengths are UTF-16 code units; positions that a template sees are code points, as in Python.</remarks>
internal sealed class StringValue : Value
{
    public static readonly StringValue Empty = new(string.Empty, []);

    // Code unit offset of each code point and of the end; null where each code point is one code unit.
    private int[]? _offsets;
    private bool _offsetsKnown;

    /// <param name="text">The text.</param>
    /// <param name="runs">Covers the text in order; neighbours differ in origin.</param>
    public StringValue(string text, OriginRun[] runs)
    {
        Text = text;
        Runs = runs;
        Origin = PromptOrigin.Template;
        foreach (var run in runs)
        {
            Origin = LeastTrusted(Origin, run.Origin);
        }
    }

    public string Text { get; }

    public OriginRun[] Runs { get; }

    public override PromptOrigin Origin { get; }

    public override string TypeName => "str";

    public override bool IsTrue => Text.Length > 0;

    public int CodePointCount => Offsets is { } offsets ? offsets.Length - 1 : Text.Length;

    private int[]? Offsets
    {
        get
        {
            if (!Volatile.Read(ref _offsetsKnown))
            {
                _offsets = CodePoints.Offsets(Text);
                Volatile.Write(ref _offsetsKnown, true);
            }

            return _offsets;
        }
    }

    public static StringValue Of(string text, PromptOrigin origin) =>
        text.Length == 0 ? Empty : new StringValue(text, [new OriginRun(text.Length, origin)]);

    /// <summary>Code unit offset of a code point, which may be the end's.</summary>
    public int OffsetOf(int codePoint) => Offsets is { } offsets ? offsets[codePoint] : codePoint;

    /// <summary>Index of the code point that starts at a code unit offset, which may be the end's.</summary>
    public int CodePointAt(int offset) => Offsets is { } offsets ? Array.BinarySearch(offsets, offset) : offset;

    /// <summary>Index of the run that holds a code unit.</summary>
    public int RunAt(int offset)
    {
        var (low, high) = (0, Runs.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = Runs[middle].End > offset ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    /// <summary>A stretch of this text, in code units, with its origins.</summary>
    public StringValue Substring(int start, int length, RenderBudget budget)
    {
        if (length == Text.Length)
        {
            return this;
        }

        var builder = new StringValueBuilder(budget);
        builder.Append(this, start, length);
        return builder.ToValue();
    }

    /// <summary>One code point as a text.</summary>
    public StringValue CodePoint(int index, RenderBudget budget)
    {
        var start = OffsetOf(index);
        return Substring(start, OffsetOf(index + 1) - start, budget);
    }
}
