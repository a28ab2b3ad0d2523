using System.CommandLine;
using System.CommandLine.Parsing;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli;

/// <summary>Says in one line what is wrong with a command line.</summary>
internal static class ParseErrors
{
    private const int MaxSuggestedDistance = 3;

    /// <summary>Fewest letters of a part that names what was meant, such as <c>gen</c> or <c>--tokens</c>.</summary>
    private const int MinPart = 3;

    /// <summary>The most telling error: an unknown word, with the nearest known one, comes before what is missing because of it.</summary>
    public static string Describe(ParseResult arguments)
    {
        if (arguments.UnmatchedTokens is [var unknown, ..])
        {
            return Unknown(unknown, arguments.CommandResult.Command);
        }

        return arguments.Errors[0].Message.TrimEnd('.');
    }

    /// <summary>Says that a word is neither an option nor a command here, and which it may have been meant to be.</summary>
    public static string Unknown(string word, Command command) =>
        Nearest(word, command) is { } known ? $"'{word}' is not known here, did you mean '{known}'?" : $"'{word}' is not known here";

    /// <summary>The command with its parents: <c>layerskip generate</c>.</summary>
    public static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "layerskip";

    private static string? Nearest(string word, Command command)
    {
        string[] known = [.. command.Subcommands.Select(subcommand => subcommand.Name), .. command.Options.Select(option => option.Name)];
        var part = word.TrimStart('-');
        if (ClosestNames.To(word, known) is [var nearest, ..])
        {
            // More than every third letter wrong is another word.
            var distance = ClosestNames.EditDistance(word, nearest);
            if (distance <= MaxSuggestedDistance && 3 * distance <= Math.Max(part.Length, nearest.TrimStart('-').Length))
            {
                return nearest;
            }
        }

        string[] containing = [.. known.Where(name => part.Length >= MinPart && name.Contains(part, StringComparison.Ordinal))];
        return containing.FirstOrDefault(name => name.TrimStart('-').StartsWith(part, StringComparison.Ordinal)) ?? containing.FirstOrDefault();
    }
}
