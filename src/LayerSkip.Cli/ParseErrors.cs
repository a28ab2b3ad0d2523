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
        var command = arguments.CommandResult;
        foreach (var result in command.Children.OfType<OptionResult>())
        {
            // Such as --model --prompt x, whose x belongs to nothing then.
            if (result is { Implicit: false, Option.Arity.MaximumNumberOfValues: > 0 } && arguments.UnmatchedTokens.Count > 0
                && result.Tokens.FirstOrDefault(token => IsOption(token.Value, command.Command)) is { } taken)
            {
                return $"{result.Option.Name} has no value, expected {Usage(result.Option)}: '{taken.Value}' is an option";
            }
        }

        if (arguments.UnmatchedTokens is [var unknown, ..])
        {
            return Unknown(unknown, command);
        }

        if (command.Command.Subcommands.Count > 0)
        {
            return $"no command is given, expected one of {Commands(command)}";
        }

        var error = arguments.Errors[0];
        return error.SymbolResult switch
        {
            OptionResult { Implicit: true, Option.Required: true } option => $"{option.Option.Name} is missing, expected {Usage(option.Option)}",
            OptionResult { Tokens.Count: 0, Option.Arity.MinimumNumberOfValues: > 0 } option => $"{option.Option.Name} has no value, expected {Usage(option.Option)}",
            OptionResult { IdentifierTokenCount: > 1, Option.Arity.MaximumNumberOfValues: 1 } option => $"{option.Option.Name} is given {option.IdentifierTokenCount} times, expected once",
            _ => error.Message.TrimEnd('.'),
        };
    }

    /// <summary>Says that a word is neither an option nor a command here, and which it may have been meant to be.</summary>
    public static string Unknown(string word, CommandResult command)
    {
        var isOption = word.StartsWith('-');
        return Nearest(word, command) is { } known ? $"'{word}' is not known here, did you mean '{known}'?"
            : command.Command.Subcommands.Count > 0 && !isOption ? $"'{word}' is no command, expected one of {Commands(command)}"
            : isOption ? $"'{word}' is no option of {PathOf(command)}"
            : $"'{word}' belongs to no option of {PathOf(command)}, expected options and their values alone";
    }

    /// <summary>The command with its parents: <c>layerskip generate</c>.</summary>
    public static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "layerskip";

    private static string Commands(CommandResult command) => string.Join(", ", command.Command.Subcommands.Select(subcommand => subcommand.Name));

    private static bool IsOption(string word, Command command) => command.Options.Any(option => option.Name == word || option.Aliases.Contains(word));

    private static string Usage(Option option) => $"'{option.Name} {option.HelpName}'";

    private static bool IsMissing(Option option, CommandResult command) => option.Required && command.GetResult(option) is null or { Implicit: true };

    private static string? Nearest(string word, CommandResult command)
    {
        // Of names that are equally near the one that must be there and is not.
        string[] known =
        [
            .. command.Command.Subcommands.Select(subcommand => subcommand.Name),
            .. command.Command.Options.OrderByDescending(option => IsMissing(option, command)).SelectMany(option => (string[])[option.Name, .. option.Aliases]),
        ];
        var part = word.TrimStart('-');
        if (known.MinBy(name => ClosestNames.EditDistance(word, name)) is { } nearest)
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
