using System.Diagnostics;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// Which of two ways to do the same work is quicker: what threads tell each other takes as long as some microseconds of work, or a quarter of it, depending on the cores that they happen to
/// run on, which may be others a second later. Both ways are timed as they are used, and give the same bits.
/// </summary>
internal sealed class QuickerWay
{
    /// <summary>One run of so many goes the other way, to learn how long that takes by now.</summary>
    private const int TryEvery = 64;

    /// <summary>Work is interrupted, never sped up: a quick run counts at once, a slow one for this share.</summary>
    private const double SlowWeight = 0.05;

    // Ticks of a unit of work; 0 before the first run.
    private double _first;
    private double _second;
    private int _runs;

    /// <summary>Whether the next run is to go the first way.</summary>
    public bool TakesFirst() => _first < _second != (++_runs % TryEvery == 0);

    /// <summary>A run has been done.</summary>
    /// <param name="first">Whether the first way.</param>
    /// <param name="began">When it began, of <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="units">How much work it was, compared with the other runs.</param>
    public void Took(bool first, long began, int units) => Add(first, (Stopwatch.GetTimestamp() - began) / (double)units);

    /// <summary>A run has been done.</summary>
    /// <param name="first">Whether the first way.</param>
    /// <param name="ticks">How long a unit of it took.</param>
    public void Add(bool first, double ticks)
    {
        ref var known = ref first ? ref _first : ref _second;
        known = known == 0 || ticks < known ? ticks : known + (SlowWeight * (ticks - known));
    }
}
