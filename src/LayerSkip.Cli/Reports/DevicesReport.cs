namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip devices</c> found.</summary>
/// <param name="Devices">The devices beside the CPU.</param>
/// <param name="Reason">Why no model can run on any of them; null where one can.</param>
internal sealed record DevicesReport(IReadOnlyList<DeviceReport> Devices, string? Reason);

/// <summary>One device.</summary>
/// <param name="Id">What <c>--device</c> calls it.</param>
/// <param name="Name">Its maker's name for it.</param>
/// <param name="MemoryBytes">All its memory.</param>
/// <param name="Architecture">Which instructions it has.</param>
/// <param name="Driver">What drives it.</param>
/// <param name="Unusable">Why models cannot run on it; null where they can.</param>
internal sealed record DeviceReport(string Id, string Name, long MemoryBytes, string Architecture, string Driver, string? Unusable);
