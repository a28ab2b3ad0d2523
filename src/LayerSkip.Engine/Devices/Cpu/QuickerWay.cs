using System.Diagnostics;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// Which of two ways to do the same work is quicker: what threads tell each other takes as long as some microseconds of work, or a quarter of it, depending on the cores that they happen to
/// run on, which may be others a second later. Both ways are timed as they are used, and give the same bits.
/// </summary>
internal sealed class QuickerWay
{
    /// <summary>Most bytes of weights that one thread may read as soon as all do, where those take long to tell each other anything.</summary>
    public const long MostBytesAlone = 1 << 20;

    /// <summary>Runs from one try of the other way to the next: few at first, while code is being compiled.</summary>
    private const int FirstPause = 2;
    private const int LongestPause = 64;

    /// <summary>Runs of a try. The last one counts: the first may have to wake threads, or to compile.</summary>
    private const int TryRuns = 2;

    /// <summary>Work is interrupted, never sped up: a quick run counts at once, a slow one for this share.</summary>
    private const double SlowWeight = 0.05;

    // Ticks of a unit of work.
    private double _first = double.PositiveInfinity;
    private double _second = double.PositiveInfinity;
    private int _pause = FirstPause;
    private int _sinceTry;
    private int _tries;

    /// <summary>Whether the next run is to go the first way.</summary>
    public bool TakesFirst()
    {
        if (_tries == 0 && _sinceTry++ == _pause)
        {
            (_sinceTry, _pause, _tries) = (0, Math.Min(2 * _pause, LongestPause), TryRuns);
        }

        return _first < _second != _tries > 0;
    }

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
        if (_tries > 0 && --_tries > 0)
        {
            return;
        }

        ref var known = ref first ? ref _first : ref _second;
        known = ticks < known ? ticks : known + (SlowWeight * (ticks - known));
    }
}
