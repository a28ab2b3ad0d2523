namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>What has been asked of a context so far: how a run is judged.</summary>
internal sealed class DriverCounters
{
    /// <summary>Calls of the driver's functions.</summary>
    public long Calls { get; set; }

    /// <summary>Kernels launched, those of graphs included.</summary>
    public long Kernels { get; set; }

    /// <summary>Graphs launched.</summary>
    public long Graphs { get; set; }

    /// <summary>Times that the host waited for the device.</summary>
    public long Synchronizations { get; set; }

    /// <summary>Graphs captured and instantiated.</summary>
    public long Captures { get; set; }
}
