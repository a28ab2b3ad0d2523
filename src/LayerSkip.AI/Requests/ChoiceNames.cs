namespace LayerSkip.AI.Requests;

/// <summary>Names of choices of one word each, in requests and responses.</summary>
internal static class ChoiceNames
{
    /// <exception cref="ArgumentOutOfRangeException">The value is not defined.</exception>
    public static string Of<T>(T value)
        where T : struct, Enum =>
        Enum.GetName(value)?.ToLowerInvariant()
            ?? throw new ArgumentOutOfRangeException(nameof(value), value, $"{typeof(T).Name} is {value}, expected {Expected<T>()}.");

    /// <summary>Reads a name in any case; null where it is none.</summary>
    public static T? Parse<T>(string name)
        where T : struct, Enum
    {
        var index = Array.FindIndex(Enum.GetNames<T>(), choice => choice.Equals(name.Trim(), StringComparison.OrdinalIgnoreCase));
        return index >= 0 ? Enum.GetValues<T>()[index] : null;
    }

    /// <summary>All names.</summary>
    public static string Expected<T>()
        where T : struct, Enum =>
        string.Join(", ", Enum.GetNames<T>().Select(name => name.ToLowerInvariant()));
}
