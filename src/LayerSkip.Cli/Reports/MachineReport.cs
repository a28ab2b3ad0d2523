using System.Runtime.InteropServices;

namespace LayerSkip.Cli.Reports;

/// <summary>Where a measurement was taken.</summary>
/// <param name="Processors">Logical processors.</param>
/// <param name="Device">The device with its threads and vector path.</param>
/// <param name="Architecture">X64, Arm64 ...</param>
/// <param name="Os">The operating system.</param>
/// <param name="Dotnet">The runtime.</param>
internal sealed record MachineReport(int Processors, string Device, string Architecture, string Os, string Dotnet)
{
    public static MachineReport Of(string device) => new(
        Environment.ProcessorCount,
        device,
        RuntimeInformation.ProcessArchitecture.ToString(),
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription);

    /// <summary>In one line.</summary>
    public string Describe() => FormattableString.Invariant($"{Device}, {Processors} processors, {Dotnet}, {Os}");
}
