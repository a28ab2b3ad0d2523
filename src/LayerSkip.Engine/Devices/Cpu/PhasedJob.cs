namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Work in phases, each of which falls into independent chunks and begins when the one before has ended.</summary>
/// <remarks>
/// Threads go from phase to phase by themselves: nothing is handed out between them. A thread that comes late may ask how many chunks a phase has, or what
/// follows it, while the job is set up for its next run, and throws the answer away: <see cref="Phases"/>, <see cref="Chunks"/> and <see cref="Upcoming"/>
/// must not throw for any phase from 0 on. What <see cref="Begin"/> and <see cref="Run"/> throw reaches the caller.
/// </remarks>
internal abstract class PhasedJob
{
    /// <summary>How many phases there are, at least 1 and at most 2^20 - 1.</summary>
    public abstract int Phases { get; }

    /// <summary>How many chunks a phase has, at most 2^20 - 1.</summary>
    public abstract int Chunks(int phase);

    /// <summary>Does what a thread needs for itself before its first chunk of a phase.</summary>
    /// <param name="phase">0 .. phases - 1.</param>
    /// <param name="worker">The calling thread's number, 0 .. threads - 1: for scratch memory of its own.</param>
    public virtual void Begin(int phase, int worker)
    {
    }

    /// <summary>Does one chunk; called once for each, from any of the pool's threads.</summary>
    /// <param name="phase">0 .. phases - 1.</param>
    /// <param name="chunk">0 .. the phase's chunks - 1.</param>
    /// <param name="worker">The calling thread's number.</param>
    public abstract void Run(int phase, int chunk, int worker);

    /// <summary>What a thread multiplies first in the phase after this one, if that is known: it fetches that while it waits for the others.</summary>
    public virtual ReadAhead Upcoming(int phase, int worker) => default;
}
