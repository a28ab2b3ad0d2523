namespace LayerSkip.Engine.Constraints.Json;

/// <summary>The white space of generated JSON: there is one way to write a value, so that separators and names are forced.</summary>
public enum JsonLayout
{
    /// <summary>None: <c>{"a":[1,2]}</c>.</summary>
    Compact,

    /// <summary>A space behind each comma and colon, as Python's and most models' JSON has it: <c>{"a": [1, 2]}</c>.</summary>
    Spaced,
}

/// <summary>The separators of a layout.</summary>
internal static class JsonLayouts
{
    public static string Comma(this JsonLayout layout) => layout == JsonLayout.Spaced ? ", " : ",";

    public static string Colon(this JsonLayout layout) => layout == JsonLayout.Spaced ? ": " : ":";
}
