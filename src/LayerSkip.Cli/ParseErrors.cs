using System.CommandLine;
using System.CommandLine.Parsing;

namespace LayerSkip.Cli;

/// <summary>Says in one line what is wrong with a command line.</summary>
internal static class ParseErrors
{
    private const int MaxSuggestedDistance = 3;

    /// <summary>The most telling error: an unknown word, with the nearest known one, comes before what is missing because of it.</summary>
    public static string Describe(ParseResult arguments)
    {
        if (arguments.UnmatchedTokens is [var unknown, ..])
        {
            return Nearest(unknown, arguments.CommandResult.Command) is { } known
                ? $"'{unknown}' is not known here, did you mean '{known}'?"
                : $"'{unknown}' is not known here";
        }

        return arguments.Errors[0].Message.TrimEnd('.');
    }

    /// <summary>The command with its parents: <c>layerskip generate</c>.</summary>
    public static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "layerskip";

    private static string? Nearest(string word, Command command)
    {
        var known = command.Subcommands.Select(subcommand => subcommand.Name).Concat(command.Options.Select(option => option.Name));
        var nearest = known.Select(name => (Name: name, Distance: EditDistance(word, name))).OrderBy(pair => pair.Distance).FirstOrDefault();
        return nearest.Name is not null && nearest.Distance <= MaxSuggestedDistance && nearest.Distance < nearest.Name.Length ? nearest.Name : null;
    }

    /// <summary>Levenshtein distance: the fewest single-character insertions, deletions and replacements.</summary>
    private static int EditDistance(string from, string to)
    {
        // distances[j]: from the first i characters of `from` to the first j of `to`.
        var distances = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = distances[0];
            distances[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = distances[j];
                distances[j] = Math.Min(replaced, 1 + Math.Min(diagonal, distances[j - 1]));
            }
        }

        return distances[to.Length];
    }
}
