using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Training;

/// <summary>What a file of <see cref="Trainer.Save"/> says about its run, read without the weights.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Description">The text that the run was saved with; null where there was none.</param>
public sealed record SavedRun(long Step, ulong Seed, string? Description)
{
    /// <summary>Reads a file's header.</summary>
    /// <param name="path">What <see cref="Trainer.Save"/> wrote.</param>
    /// <exception cref="CheckpointException">The file is damaged or not a saved run; the message names it.</exception>
    public static SavedRun Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var file = SafetensorsFile.Open(path);
        return TrainingState.ReadRun(file);
    }
}
