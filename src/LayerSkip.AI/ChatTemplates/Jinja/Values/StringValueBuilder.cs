using System.Text;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>Puts texts together and keeps the origin of each character. Pays for what it copies and stops at the longest text allowed.</summary>
internal sealed class StringValueBuilder(RenderBudget budget)
{
    private readonly StringBuilder _text = new();
    private readonly List<OriginRun> _runs = [];

    public int Length => _text.Length;

    public void Append(StringValue value) => Append(value, 0, value.Text.Length);

    /// <summary>Appends a stretch, in code units, of a text.</summary>
    public void Append(StringValue value, int start, int length)
    {
        var end = start + length;
        for (var run = length == 0 ? value.Runs.Length : value.RunAt(start); start < end; run++)
        {
            var stop = Math.Min(value.Runs[run].End, end);
            Append(value.Text.AsSpan(start, stop - start), value.Runs[run].Origin);
            start = stop;
        }
    }

    public void Append(ReadOnlySpan<char> text, PromptOrigin origin)
    {
        if (text.IsEmpty)
        {
            return;
        }

        budget.SpendCharacters(text.Length);
        budget.CheckTextLength((long)_text.Length + text.Length);
        _text.Append(text);
        if (_runs.Count > 0 && _runs[^1].Origin == origin)
        {
            _runs.RemoveAt(_runs.Count - 1);
        }

        _runs.Add(new OriginRun(_text.Length, origin));
    }

    /// <summary>Appends a text several times; not at all where the count is not positive.</summary>
    public void AppendRepeated(string text, long count, PromptOrigin origin)
    {
        if (count > 0)
        {
            budget.CheckTextLength(_text.Length + (text.Length * count));
            Append(string.Concat(Enumerable.Repeat(text, (int)count)), origin);
        }
    }

    public StringValue ToValue() => _text.Length == 0 ? StringValue.Empty : new StringValue(_text.ToString(), [.. _runs]);
}
