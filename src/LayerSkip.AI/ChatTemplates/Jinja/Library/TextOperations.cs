using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>What filters and string methods do to texts while keeping the origin of every character.</summary>
internal static class TextOperations
{
    /// <summary>Takes white space, or the given characters, off the ends.</summary>
    public static StringValue Strip(StringValue text, StringValue? characters, bool left, bool right, RenderBudget budget)
    {
        var source = text.Text;
        Func<string, int, bool> isStripped = characters is null
            ? static (source, index) => CodePoints.IsSpace(source[index])
            : new CharacterSet(characters.Text, budget).Contains;
        var (start, end) = (0, source.Length);
        while (left && start < end && isStripped(source, start))
        {
            start += char.IsSurrogatePair(source, start) ? 2 : 1;
        }

        while (right && start < end)
        {
            var last = end - (end - start >= 2 && char.IsSurrogatePair(source, end - 2) ? 2 : 1);
            if (!isStripped(source, last))
            {
                break;
            }

            end = last;
        }

        budget.SpendCharacters(source.Length - (end - start));
        return text.Substring(start, end - start, budget);
    }

    /// <summary>Replaces at most <paramref name="limit"/> places, all where it is negative.</summary>
    public static StringValue Replace(StringValue text, StringValue old, StringValue replacement, int limit, RenderBudget budget)
    {
        var builder = new StringValueBuilder(budget);
        var position = 0;
        budget.SpendSearch(text.Text, old.Text);
        for (var places = 0; limit < 0 || places < limit; places++)
        {
            budget.Spend(1);
            if (old.Text.Length == 0)
            {
                // Python puts the replacement before every character and at the end.
                builder.Append(replacement);
                if (position == text.Text.Length)
                {
                    return builder.ToValue();
                }

                var next = position + (char.IsSurrogatePair(text.Text, position) ? 2 : 1);
                builder.Append(text, position, next - position);
                position = next;
                continue;
            }

            var found = text.Text.IndexOf(old.Text, position, StringComparison.Ordinal);
            if (found < 0)
            {
                break;
            }

            builder.Append(text, position, found - position);
            builder.Append(replacement);
            position = found + old.Text.Length;
        }

        builder.Append(text, position, text.Text.Length - position);
        return builder.ToValue();
    }

    public static StringValue Join(IReadOnlyList<Value> items, StringValue separator, RenderBudget budget)
    {
        var builder = new StringValueBuilder(budget);
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
            {
                builder.Append(separator);
            }

            builder.Append(PythonText.ToText(items[i], budget));
        }

        return builder.ToValue();
    }

    /// <summary>Cuts at line breaks, which go.</summary>
    public static List<StringValue> Lines(StringValue text, bool keepBreaks, RenderBudget budget)
    {
        var source = text.Text;
        var lines = new List<StringValue>();
        for (var start = 0; start < source.Length;)
        {
            var end = start;
            while (end < source.Length && !CodePoints.IsLineBreak(source[end]))
            {
                end++;
            }

            var next = end + (end == source.Length ? 0 : source[end] == '\r' && end + 1 < source.Length && source[end + 1] == '\n' ? 2 : 1);
            budget.Spend(1);
            budget.CheckItemCount(lines.Count + 1);
            lines.Add(text.Substring(start, (keepBreaks ? next : end) - start, budget));
            start = next;
        }

        return lines;
    }

    /// <summary>Puts an indent before each line but the first; before the first, and before empty lines, where asked.</summary>
    public static StringValue Indent(StringValue text, StringValue indent, bool first, bool blank, RenderBudget budget)
    {
        var newLine = StringValue.Of("\n", PromptOrigin.Template);
        var builder = new StringValueBuilder(budget);
        var lines = Lines(Arithmetic.Concatenate(text, newLine, budget), keepBreaks: false, budget);
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0)
            {
                builder.Append(newLine);
            }

            if (i == 0 ? first : blank || lines[i].IsTrue)
            {
                builder.Append(indent);
            }

            builder.Append(lines[i]);
        }

        return builder.ToValue();
    }

    /// <summary>The characters that a strip takes off.</summary>
    private sealed class CharacterSet
    {
        // Sorted rather than hashed: a template could choose characters whose hashes are the same.
        private readonly int[] _codePoints;

        public CharacterSet(string characters, RenderBudget budget)
        {
            budget.SpendCharacters(characters.Length);
            _codePoints = [.. characters.EnumerateRunes().Select(rune => rune.Value).Order()];
        }

        public bool Contains(string source, int index) =>
            Array.BinarySearch(_codePoints, char.IsSurrogatePair(source, index) ? char.ConvertToUtf32(source, index) : source[index]) >= 0;
    }
}
