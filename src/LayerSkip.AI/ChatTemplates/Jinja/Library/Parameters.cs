using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Reads a bound argument as what a built-in needs.</summary>
internal static class Parameters
{
    public static StringValue Text(Value? argument, string callee, string name) => argument switch
    {
        StringValue text => text,
        null => throw new JinjaException($"'{callee}' needs the argument '{name}'."),
        UndefinedValue undefined => throw undefined.Error(),
        _ => throw new JinjaException($"'{callee}' needs a string as '{name}', not '{argument.TypeName}'."),
    };

    /// <summary>A string, or null where the argument is missing or none.</summary>
    public static StringValue? OptionalText(Value? argument, string callee, string name) =>
        argument is null or NoneValue ? null : Text(argument, callee, name);

    /// <summary>An integer, or the fallback where the argument is missing or none.</summary>
    public static int Integer(Value? argument, string callee, string name, int fallback) =>
        argument is null or NoneValue ? fallback : Numbers.ToInt32(argument, $"the argument '{name}' of '{callee}'");
}
