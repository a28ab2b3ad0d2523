using System.CommandLine;
using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip template</c>: what a chat template makes of a conversation.</summary>
internal sealed class TemplateCommand
{
    private readonly Terminal _terminal;

    private readonly Option<string?> _directory = new("--model") { HelpName = "PATH", Description = "Checkpoint directory or GGUF file with a chat template (this or --template is required)." };

    private readonly Option<string?> _template = new("--template") { HelpName = "FILE", Description = "A UTF-8 file with the template." };

    private readonly Option<string> _context = new("--context")
    {
        HelpName = "FILE",
        Description = "A JSON file with messages, tools, add_generation_prompt (default: false) and other variables; - reads the standard input.",
        Required = true,
    };

    private TemplateCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var template = new TemplateCommand(terminal);
        var command = new Command("template", "Print what a chat template makes of a conversation, byte for byte.")
        {
            template._directory, template._template, template._context,
        };
        command.Validators.Add(result =>
        {
            if ((result.GetResult(template._directory) is null) == (result.GetResult(template._template) is null))
            {
                result.AddError("template takes either --model or --template");
            }
        });
        command.SetAction(template.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var template = arguments.GetValue(_directory) is { } directory
            ? ChatTemplate.LoadFrom(directory) ?? throw new UsageException($"--model {directory}: holds no chat template, expected chat_template.jinja, chat_template in tokenizer_config.json, or tokenizer.chat_template in a GGUF file")
            : ChatTemplate.Parse(InputText.ReadFile("--template", arguments.GetRequiredValue(_template)!));
        _terminal.WriteAnswer(template.Render(ReadContext(arguments.GetRequiredValue(_context))).Text);
        return CommandLine.Success;
    }

    private ChatTemplateContext ReadContext(string path)
    {
        var text = path == "-" ? _terminal.ReadAll("--context") : InputText.ReadFile("--context", path);
        try
        {
            return ChatTemplateContext.FromJson(JsonElement.Parse(text));
        }
        catch (JsonException exception)
        {
            throw new UsageException($"--context {path}, line {exception.LineNumber + 1}: is not valid JSON: {JsonFile.LineReason(exception)}");
        }
        catch (ArgumentException exception)
        {
            throw new UsageException($"--context {path}: {CommandLine.DescribeArgument(exception)}");
        }
    }
}
