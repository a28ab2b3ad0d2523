using System.CommandLine;
using System.CommandLine.Parsing;

namespace LayerSkip.Cli;

/// <summary>The options whose values are paths. What reads those files knows no options: its errors begin with the path alone.</summary>
internal static class PathOptions
{
    /// <summary>Has every one of a command's refuse to be empty.</summary>
    public static void RefuseEmpty(Command command)
    {
        foreach (var option in command.Options)
        {
            if (Kind(option) is { } kind)
            {
                option.Validators.Add(result =>
                {
                    if (result.Tokens.Any(token => token.Value.Length == 0))
                    {
                        result.AddError($"{option.Name} is empty, expected {kind}");
                    }
                });
            }
        }
    }

    /// <summary>An error with the option before it that gave the path that it begins with, the directory of that, or the one directory that holds such a file.</summary>
    public static string Name(string error, ParseResult arguments)
    {
        (string Name, string Path)[] given =
        [
            .. arguments.CommandResult.Children.OfType<OptionResult>()
                .Where(result => Kind(result.Option) is not null)
                .SelectMany(result => result.Tokens, (result, token) => (result.Option.Name, Path.TrimEndingDirectorySeparator(token.Value)))
                .OrderByDescending(option => option.Item2.Length),
        ];
        if (Array.Find(given, option => Begins(error, option.Path) || Begins(error, Path.GetFullPath(option.Path))) is { Name: not null } named)
        {
            return $"{named.Name} {error}";
        }

        var file = error.Split(':')[0];
        return Array.FindAll(given, option => File.Exists(Path.Join(option.Path, file))) is [var holder] ? $"{holder.Name} {Path.Join(holder.Path, error)}" : error;
    }

    // A whole path, and not the 'model' of 'models'.
    private static bool Begins(string error, string path) =>
        error.StartsWith(path, StringComparison.Ordinal) && error.Length > path.Length
        && (error[path.Length] is ':' or ',' || Path.EndsInDirectorySeparator(error[..(path.Length + 1)]));

    /// <summary>What the option's value is, by the word that help has for it; null: no path.</summary>
    private static string? Kind(Option option) => option.HelpName?.TrimEnd('.', 'S') switch
    {
        "PATH" => "a directory or file",
        "FILE" => "a file",
        "DIR" => "a directory",
        _ => null,
    };
}
