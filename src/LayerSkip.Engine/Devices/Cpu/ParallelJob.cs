namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Work that falls into independent chunks: a job of one phase.</summary>
internal abstract class ParallelJob : PhasedJob
{
    /// <summary>The chunks of the present or the latest run; the pool's to set.</summary>
    public int ChunkCount { get; set; }

    public sealed override int Phases => 1;

    public sealed override int Chunks(int phase) => ChunkCount;

    public sealed override void Run(int phase, int chunk, int worker) => Run(chunk, worker);

    /// <summary>Does one chunk; called once for each, from any of the pool's threads.</summary>
    /// <param name="chunk">0 .. chunks - 1.</param>
    /// <param name="worker">The calling thread's number, 0 .. threads - 1: for scratch memory of its own.</param>
    public abstract void Run(int chunk, int worker);
}
