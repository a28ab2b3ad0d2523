using System.CommandLine;
using System.Globalization;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip tokenize</c>: a text's token ids and pieces.</summary>
internal sealed class TokenizeCommand
{
    private readonly Terminal _terminal;

    private readonly Option<string> _directory = DirectoryOption.Create("Directory with tokenizer.json, or with vocab.json and merges.txt; or GGUF file.");

    private readonly Option<string?> _text = new("--text") { HelpName = "TEXT", Description = "The text (this or --file is required)." };

    private readonly Option<string?> _file = new("--file") { HelpName = "FILE", Description = "A UTF-8 file with the text; - reads the standard input." };

    private readonly Option<bool> _noSpecialTokens = new("--no-special-tokens")
    {
        Description = "Leave out the special tokens that the tokenizer puts around a text, such as a begin-of-sequence token (default: put them).",
    };

    private readonly Option<bool> _json = new("--json")
    {
        Description = "Print one JSON object with ids and pieces (default: a line of id and piece for each token).",
    };

    private TokenizeCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var tokenize = new TokenizeCommand(terminal);
        var command = new Command("tokenize", "Print a text's tokens.")
        {
            tokenize._directory, tokenize._text, tokenize._file, tokenize._noSpecialTokens, tokenize._json,
        };
        command.Validators.Add(result =>
        {
            if ((result.GetResult(tokenize._text) is null) == (result.GetResult(tokenize._file) is null))
            {
                result.AddError("tokenize takes either --text or --file");
            }
        });
        command.SetAction(tokenize.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var text = arguments.GetValue(_file) switch
        {
            null => arguments.GetRequiredValue(_text)!,
            "-" => _terminal.ReadAll("--file"),
            var path => InputText.ReadFile("--file", path),
        };
        var tokenizer = Tokenizer.Load(arguments.GetRequiredValue(_directory));
        var ids = tokenizer.Encode(text, addSpecialTokens: !arguments.GetValue(_noSpecialTokens));
        var pieces = Array.ConvertAll(ids, id => tokenizer.GetToken(id) ?? "");
        if (arguments.GetValue(_json))
        {
            ReportJson.Write(_terminal.Out, new TokenizeReport(ids, pieces), ReportJson.Instance.TokenizeReport);
        }
        else
        {
            foreach (var (id, piece) in ids.Zip(pieces))
            {
                _terminal.Out.WriteLine($"{id.ToString(CultureInfo.InvariantCulture)}\t{VisibleText.Line(piece)}");
            }
        }

        return CommandLine.Success;
    }
}
