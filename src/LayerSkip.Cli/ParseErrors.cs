using System.CommandLine;
using System.CommandLine.Parsing;
using LayerSkip.Engine.Checkpoints;

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
        var known = command.Subcommands.Select(subcommand => subcommand.Name).Concat(command.Options.Select(option => option.Name));
        return ClosestNames.To(word, known) is [var nearest, ..]
            && ClosestNames.EditDistance(word, nearest) is var distance && distance <= MaxSuggestedDistance && distance < nearest.Length
            ? nearest
            : null;
    }
}
