using System.Globalization;
using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>A value inside a schema document, and the way to the values around it. The same value is always the same object.</summary>
internal sealed class SchemaNode
{
    // Values of one document that are looked at, each with its own object.
    private const int MaxNodes = 200_000;

    private readonly Dictionary<string, SchemaNode?> _children = [];
    private readonly SchemaNode? _parent;
    private readonly Counter _counter;
    private SchemaNode[]? _items;
    private bool _isResolved;

    public SchemaNode(JsonElement root)
        : this(root, null, new Counter())
    {
    }

    private SchemaNode(JsonElement value, SchemaNode? parent, Counter counter)
    {
        Value = value;
        _parent = parent;
        _counter = counter;
        Id = counter.Next++;
        if (Id > MaxNodes)
        {
            throw new SchemaBudgetException();
        }
    }

    /// <summary>A number of its own within the document.</summary>
    public int Id { get; }

    public JsonElement Value { get; }

    /// <summary>A property's value (of several with its name the last) or an array's item; null where there is none.</summary>
    public SchemaNode? this[string key]
    {
        get
        {
            if (Value.ValueKind == JsonValueKind.Array)
            {
                return int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < Items.Count ? Items[index] : null;
            }

            if (_children.TryGetValue(key, out var child))
            {
                return child;
            }

            child = Value.ValueKind == JsonValueKind.Object && Value.TryGetProperty(key, out var value) ? new SchemaNode(value, this, _counter) : null;
            return _children[key] = child;
        }
    }

    /// <summary>An array's items; empty for other values.</summary>
    public IReadOnlyList<SchemaNode> Items => _items ??= Value.ValueKind == JsonValueKind.Array
        ? [.. Value.EnumerateArray().Select(item => new SchemaNode(item, this, _counter))]
        : [];

    /// <summary>What a <c>$ref</c> here points to, or null where there is none or that is not in this document.</summary>
    public SchemaNode? Target
    {
        get
        {
            if (!_isResolved)
            {
                _isResolved = true;
                field = this["$ref"] is { Value.ValueKind: JsonValueKind.String } reference ? Resolve(reference.Value.GetString()!) : null;
            }

            return field;
        }
    }

    /// <summary>Whether it says no more than what it refers to does.</summary>
    public bool IsAlias => Target is not null && Value.GetPropertyCount() == 1;

    /// <summary>What a pointer points to, or null where that is not in this document.</summary>
    /// <remarks>
    /// A document that was put into another keeps its own pointers. It is known by its <c>$schema</c> or <c>$id</c>, and pointers that lead nowhere
    /// there are read from the outermost root.
    /// </remarks>
    private SchemaNode? Resolve(string reference)
    {
        if (!reference.StartsWith('#') || (reference.Length > 1 && reference[1] != '/'))
        {
            return null;
        }

        var keys = reference.Length == 1 ? [] : reference[2..].Split('/').Select(Unescape).ToArray();
        var root = this;
        while (root._parent is not null && (root["$schema"] ?? root["$id"]) is null)
        {
            root = root._parent;
        }

        var outermost = root;
        while (outermost._parent is not null)
        {
            outermost = outermost._parent;
        }

        return Follow(root, keys) ?? Follow(outermost, keys);
    }

    private static SchemaNode? Follow(SchemaNode? node, string[] keys)
    {
        foreach (var key in keys)
        {
            node = node?[key];
        }

        return node;
    }

    private static string Unescape(string key) =>
        Uri.UnescapeDataString(key).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    private sealed class Counter
    {
        public int Next { get; set; }
    }
}
