namespace LayerSkip.Cli.Reports;

/// <summary>What loading a checkpoint took. The first load of a process compiles code too, and its peak is the process's.</summary>
/// <param name="Ms">From the call to the model's being ready.</param>
/// <param name="TensorBytes">Bytes of the tensors in the checkpoint's files.</param>
/// <param name="PeakBytes">The process's largest resident memory until then, the runtime's and that of mapped files included.</param>
internal sealed record StartUpReport(double Ms, long TensorBytes, long PeakBytes)
{
    /// <summary><see cref="PeakBytes"/> by <see cref="TensorBytes"/>.</summary>
    public double PeakShare => (double)PeakBytes / TensorBytes;
}
