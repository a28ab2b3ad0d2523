using System.Diagnostics;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Measurement;

/// <summary>Loads a checkpoint, and tells what that took.</summary>
internal static class StartUp
{
    /// <param name="path">The checkpoint.</param>
    /// <param name="load">Loads it.</param>
    public static (LayerSkipModel Model, StartUpReport Report) Measure(string path, Func<LayerSkipModel> load)
    {
        var start = Stopwatch.GetTimestamp();
        var model = load();
        var elapsed = Stopwatch.GetElapsedTime(start);
        using var process = Process.GetCurrentProcess();
        var peak = process.PeakWorkingSet64;
        using var checkpoint = Checkpoint.Open(path);
        return (model, new(elapsed.TotalMilliseconds, checkpoint.Tensors.Sum(tensor => tensor.Bytes), peak));
    }
}
