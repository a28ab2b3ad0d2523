using System.Diagnostics;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// Whether work of a few microseconds is done sooner by one thread or by all: what threads tell each other takes as long as the work, or a quarter of it, depending on the cores that they
/// happen to run on, which may be others a second later. Both are timed as they run; what is computed is the same.
/// </summary>
internal sealed class ThreadChoice
{
    /// <summary>Weights of more bytes are read sooner by all threads, wherever those are.</summary>
    public const long MostBytes = 1 << 20;

    /// <summary>One run of so many is done the other way, to learn how long that takes by now.</summary>
    private const int TryEvery = 64;

    /// <summary>Work is interrupted, never sped up: a quick run counts at once, a slow one for this share.</summary>
    private const double SlowWeight = 0.05;

    // By whether one thread does it: ticks of a unit of work; 0 before the first run.
    private double _alone;
    private double _together;
    private int _runs;

    /// <summary>Runs a job either way.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="job">The job.</param>
    /// <param name="units">How much work it is, compared with the other jobs that this is asked about.</param>
    /// <param name="upcoming">What is multiplied next.</param>
    public void Run(ComputePool pool, PhasedJob job, int units, WeightMatrix? upcoming)
    {
        var isAlone = Next();
        var began = Stopwatch.GetTimestamp();
        if (isAlone)
        {
            pool.RunAlone(job);
        }
        else
        {
            pool.Run(job, upcoming);
        }

        Add(isAlone, (Stopwatch.GetTimestamp() - began) / (double)units);
    }

    /// <summary>Whether the next run is by one thread.</summary>
    public bool Next() => _alone < _together != (++_runs % TryEvery == 0);

    /// <summary>A run has been done.</summary>
    /// <param name="isAlone">Whether by one thread.</param>
    /// <param name="ticks">How long a unit of it took.</param>
    public void Add(bool isAlone, double ticks)
    {
        ref var known = ref isAlone ? ref _alone : ref _together;
        known = known == 0 || ticks < known ? ticks : known + (SlowWeight * (ticks - known));
    }
}
