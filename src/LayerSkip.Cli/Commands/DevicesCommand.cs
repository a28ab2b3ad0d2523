using System.CommandLine;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Cuda;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip devices</c>: which GPUs there are, or why none.</summary>
internal static class DevicesCommand
{
    public static Command Create(Terminal terminal)
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON object (default: lines)." };
        var command = new Command("devices", "Print the GPUs that models can run on, or why there is none.") { json };
        command.SetAction(arguments =>
        {
            var survey = new CudaDeviceProvider().Survey();
            var report = new DevicesReport(
                [.. survey.Devices.Select(found => new DeviceReport(found.Id, found.Name, found.MemoryBytes, found.Architecture, found.Driver, found.Unusable))],
                survey.Reason);
            if (arguments.GetValue(json))
            {
                ReportJson.Write(terminal.Out, report, ReportJson.Instance.DevicesReport);
                return CommandLine.Success;
            }

            foreach (var device in report.Devices)
            {
                terminal.Out.WriteLine(VisibleText.Line(
                    $"{device.Id}  {device.Name}, {Quantity.Bytes(device.MemoryBytes)}, {device.Architecture}, {device.Driver}{(device.Unusable is null ? "" : $" (not usable: {device.Unusable})")}"));
            }

            if (report.Reason is { } reason)
            {
                terminal.Out.WriteLine(VisibleText.Line($"Models run on the CPU: {reason}."));
            }

            return CommandLine.Success;
        });
        return command;
    }
}
