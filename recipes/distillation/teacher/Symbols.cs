using System.Globalization;

namespace LayerSkip.Recipes.Teacher;

/// <summary>What a parse is written with: brackets with their labels, and pointers to the utterance's words.</summary>
/// <remarks>Labels are numbered from 0 on, in the order of their first use; word i is <see cref="FirstWord"/> + i, which no number of labels reaches.</remarks>
internal sealed class Symbols
{
    public const int Begin = 0;
    public const int End = 1;
    public const int FirstWord = 1000;

    private readonly List<string> _labels = ["<begin>", "<end>"];
    private readonly Dictionary<string, int> _ids = [];

    public int Count => _labels.Count;

    public IReadOnlyList<string> Labels => _labels;

    /// <summary>Takes up labels, in order.</summary>
    public void Add(IEnumerable<string> labels)
    {
        foreach (var label in labels)
        {
            if (_ids.TryAdd(label, _labels.Count))
            {
                _labels.Add(label);
            }
        }
    }

    /// <summary>A parse in the index form, as symbols, the end among them.</summary>
    public int[] Write(string index)
    {
        var parts = index.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Add(parts.Where(part => !char.IsAsciiDigit(part[0])));
        return [.. parts.Select(part => char.IsAsciiDigit(part[0]) ? FirstWord + int.Parse(part, CultureInfo.InvariantCulture) : _ids[part]), End];
    }

    /// <summary>Symbols, without the end, as a parse in the index form.</summary>
    public string Read(IEnumerable<int> symbols) =>
        string.Join(' ', symbols.Select(symbol => symbol < FirstWord ? _labels[symbol] : (symbol - FirstWord).ToString(CultureInfo.InvariantCulture)));
}
