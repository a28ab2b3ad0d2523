using System.CommandLine;
using LayerSkip.Cli.Reports;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip inspect</c>: what a checkpoint holds and needs, without reading its weights.</summary>
internal static class InspectCommand
{
    public static Command Create(Terminal terminal)
    {
        var directory = new ModelArguments().Directory;
        var json = new Option<bool>("--json") { Description = "Print one JSON object (default: tables)." };
        var command = new Command("inspect", "Print what a checkpoint holds and needs; reads no weights.") { directory, json };
        command.SetAction(arguments =>
        {
            var report = InspectReports.Of(arguments.GetRequiredValue(directory));
            if (arguments.GetValue(json))
            {
                ReportJson.Write(terminal.Out, report, ReportJson.Instance.InspectReport);
            }
            else
            {
                new InspectTables(terminal.OutConsole).Write(report);
            }

            return CommandLine.Success;
        });
        return command;
    }
}
