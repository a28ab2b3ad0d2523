namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Work that falls into independent chunks.</summary>
internal abstract class ParallelJob
{
    /// <summary>Does one chunk; called once for each, from any of the pool's threads.</summary>
    /// <param name="chunk">0 .. chunks - 1.</param>
    /// <param name="worker">The calling thread's number, 0 .. threads - 1: for scratch memory of its own.</param>
    public abstract void Run(int chunk, int worker);
}
