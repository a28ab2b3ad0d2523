using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Training;

/// <summary>What a run's checkpoints take on the disk.</summary>
/// <param name="Bytes">While one is written: the last state stands beside the new one until that is whole, and so does the last model.</param>
/// <param name="Held">What of it the output holds already.</param>
/// <param name="Free">What the disk has left; null where it does not say.</param>
internal sealed record DiskNeed(long Bytes, long Held, long? Free)
{
    /// <summary>A state's weights and both moments, float32 each.</summary>
    private const int StateBytesPerParameter = 3 * sizeof(float);

    /// <summary>Whether a checkpoint will not fit.</summary>
    public bool IsShort => Free < Bytes - Held;

    public static DiskNeed Of(TrainingPlan plan)
    {
        var model = plan.Recipe.DataType == TensorDataType.F32 ? 4 : 2;
        var output = plan.Recipe.Output;
        return new DiskNeed(
            plan.Parameters * ((2 * StateBytesPerParameter) + model),
            Length(Path.Combine(output, RunDirectory.StateName)) + Length(Path.Combine(output, RunDirectory.ModelName)),
            FreeAt(output));
    }

    private static long Length(string file) => new FileInfo(file) is { Exists: true } found ? found.Length : 0;

    private static long? FreeAt(string path)
    {
        while (!Directory.Exists(path) && Path.GetDirectoryName(path) is { } parent)
        {
            path = parent;
        }

        try
        {
            return new DriveInfo(path).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A share of the network, say: it may well have space.
            return null;
        }
    }
}
