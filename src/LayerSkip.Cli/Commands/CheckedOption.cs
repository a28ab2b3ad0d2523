using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LayerSkip.Cli.Commands;

/// <summary>Options whose values are checked while the command line is parsed; the error names option, value and what was expected.</summary>
internal static class CheckedOption
{
    /// <summary>Most integers of a range: more than anyone can mean to measure one by one.</summary>
    private const int MostOfRange = 4096;

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
    public static Option<int?> Integer(string name, string valueName, string description, int min, int max = int.MaxValue)
    {
        var expected = (min, max) switch
        {
            (int.MinValue, int.MaxValue) => "an integer",
            (_, int.MaxValue) => $"an integer of at least {min}, at most {max}",
            _ => $"an integer from {min} to {max}",
        };
        return Create(name, valueName, description, expected, (string text, out int? value) =>
        {
            var parsed = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number);
            value = number;
            return parsed && number >= min && number <= max;
        });
    }

    /// <summary>One or more integers within bounds, or ranges of them (<c>1..6</c>), separated by commas, and perhaps a word that stands for all of them.</summary>
    /// <param name="name">Its name, with dashes.</param>
    /// <param name="valueName">What help calls the value.</param>
    /// <param name="description">What help says, the default included.</param>
    /// <param name="min">The smallest value.</param>
    /// <param name="max">The largest value.</param>
    /// <param name="all">The word, whose value is an empty list; null: there is none.</param>
    public static Option<IReadOnlyList<int>?> Integers(
        string name, string valueName, string description, int min, int max = int.MaxValue, string? all = null)
    {
        var expected = (all is null ? "" : $"'{all}', or ") +
            (max == int.MaxValue ? $"integers of at least {min}" : $"integers from {min} to {max}") + " or ranges such as 2..6, separated by commas";
        return Create(name, valueName, description, expected, (string text, out IReadOnlyList<int>? value) =>
        {
            var numbers = new SortedSet<int>();
            value = text == all || text.Split(',').All(part => TryAdd(part, numbers)) ? [.. numbers] : null;
            return value is not null;
        });

        bool TryAdd(string part, SortedSet<int> numbers)
        {
            var dots = part.IndexOf("..", StringComparison.Ordinal);
            if (!TryParse(dots < 0 ? part : part[..dots], out var first) || !TryParse(dots < 0 ? part : part[(dots + 2)..], out var last)
                || first < min || last > max || last < first || last - (long)first >= MostOfRange)
            {
                return false;
            }

            numbers.UnionWith(Enumerable.Range(first, last - first + 1));
            return true;
        }

        static bool TryParse(string digits, out int number) => int.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>One or more files.</summary>
    public static Option<string[]> Files(string name, string description, string valueName = "FILE") => Several(name, valueName, description);

    /// <summary>One or more words. What begins with two dashes is none of them but an option that does not exist.</summary>
    public static Option<string[]> Several(string name, string valueName, string description)
    {
        var option = new Option<string[]>(name)
        {
            HelpName = $"{valueName}...", Description = description, AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore,
        };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (token.Value.StartsWith("--", StringComparison.Ordinal) && result.Parent is CommandResult command)
                {
                    result.AddError(ParseErrors.Unknown(token.Value, command));
                }
            }
        });
        return option;
    }

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
