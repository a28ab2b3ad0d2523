namespace LayerSkip.Cli.Reports;

/// <summary>What a CUDA device was asked for while it decoded, prefill and first round aside.</summary>
/// <param name="Autoregressive">Token by token.</param>
/// <param name="SelfSpeculative">In rounds.</param>
internal sealed record DeviceActivityReport(DeviceModeReport Autoregressive, DeviceModeReport SelfSpeculative);

/// <summary>One mode's counts.</summary>
/// <param name="WeightBytesPerToken">Weight bytes read for an output token; a draft's head counts whole, even where it looks at fewer rows.</param>
/// <param name="LaunchesPerToken">Kernels that ran for an output token, those of graphs included.</param>
/// <param name="GraphLaunchesPerRound">Graphs launched.</param>
/// <param name="SynchronizationsPerRound">Times that the host waited.</param>
/// <param name="DriverCallsPerRound">Calls of the driver's functions.</param>
internal sealed record DeviceModeReport(
    double WeightBytesPerToken, double LaunchesPerToken, double GraphLaunchesPerRound, double SynchronizationsPerRound, double DriverCallsPerRound)
{
    /// <summary>One line.</summary>
    public string Describe(string mode) => FormattableString.Invariant(
        $"{mode}: {Quantity.Bytes((long)WeightBytesPerToken)} of weights and {LaunchesPerToken:F1} kernels a token; {GraphLaunchesPerRound:F2} graphs, {SynchronizationsPerRound:F2} synchronisations and {DriverCallsPerRound:F1} driver calls a round");
}
