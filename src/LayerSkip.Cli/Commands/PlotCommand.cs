using System.CommandLine;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Training;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip plot</c>: the report of a training run.</summary>
internal static class PlotCommand
{
    public static Command Create(Terminal terminal)
    {
        var run = new Option<string>("--run") { HelpName = "DIR", Description = "A training run's output directory, with metrics.jsonl.", Required = true };
        var output = new Option<string?>("--output") { HelpName = "FILE", Description = $"The HTML file to write (default: {RunDirectory.ReportName} in the run's directory)." };
        var command = new Command("plot", "Write the report of a training run: one HTML file.") { run, output };
        command.SetAction(arguments =>
        {
            var directory = arguments.GetRequiredValue(run);
            if (arguments.GetValue(output) is { } given)
            {
                OutputFile.Check("--output", given);

                // Nothing that the run needs is overwritten; pages in its directory are reports.
                OutputFile.RefuseInput("--output", given, "--run", OutputFile.FilesOf(directory).Where(static file => !file.EndsWith(".html", StringComparison.OrdinalIgnoreCase)));
            }

            var file = arguments.GetValue(output) ?? Path.Combine(directory, RunDirectory.ReportName);
            RunReport.Write(directory, file);
            terminal.Out.WriteLine(VisibleText.Line(file));
            return CommandLine.Success;
        });
        return command;
    }
}
