using System.CommandLine;
using System.Globalization;

namespace LayerSkip.Cli.Commands;

/// <summary>Options whose values are checked while the command line is parsed; the error names option, value and what was expected.</summary>
internal static class CheckedOption
{
    /// <summary>Parses a value.</summary>
    /// <returns>Whether the text is one.</returns>
    public delegate bool TryParse<T>(string text, out T value);

    /// <summary>An option with a value, null or default where it is not given.</summary>
    /// <param name="name">Its name, with dashes.</param>
    /// <param name="valueName">What help calls the value.</param>
    /// <param name="description">What help says, the default included.</param>
    /// <param name="expected">What a valid value is, for the error.</param>
    /// <param name="tryParse">Reads the value.</param>
    public static Option<T?> Create<T>(string name, string valueName, string description, string expected, TryParse<T?> tryParse) =>
        new(name)
        {
            HelpName = valueName,
            Description = description,
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (!tryParse(text, out var value))
                {
                    result.AddError($"{name} is '{text}', expected {expected}");
                }

                return value;
            },
        };

    /// <summary>An integer in a range.</summary>
    public static Option<int?> Integer(string name, string valueName, string description, int min, int max = int.MaxValue) =>
        Create(name, valueName, description, max == int.MaxValue ? $"an integer of at least {min}" : $"an integer from {min} to {max}", (string text, out int? value) =>
        {
            var parsed = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number);
            value = number;
            return parsed && number >= min && number <= max;
        });

    /// <summary>A finite number that a rule accepts.</summary>
    public static Option<float?> Number(string name, string valueName, string description, string expected, Func<float, bool> accepts) =>
        Create(name, valueName, description, expected, (string text, out float? value) =>
        {
            var parsed = float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number);
            value = number;
            return parsed && float.IsFinite(number) && accepts(number);
        });

    /// <summary>One of a few words.</summary>
    public static Option<T?> Choice<T>(string name, string description, params (string Word, T Value)[] choices)
        where T : struct =>
        Create(
            name,
            string.Join('|', choices.Select(choice => choice.Word)),
            description,
            $"one of {string.Join(", ", choices.Select(choice => choice.Word))}",
            (string text, out T? value) =>
            {
                var index = Array.FindIndex(choices, choice => choice.Word == text);
                value = index < 0 ? null : choices[index].Value;
                return index >= 0;
            });
}
