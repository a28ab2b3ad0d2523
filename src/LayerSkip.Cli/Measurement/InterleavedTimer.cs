using System.Diagnostics;

namespace LayerSkip.Cli.Measurement;

/// <summary>Times steps one after the other and around again, so that a machine's slow minute falls on all of them.</summary>
internal sealed class InterleavedTimer
{
    private const int LeastRounds = 5;
    private const int MostRounds = 200;

    /// <summary>Short steps are timed several at once.</summary>
    private const double LeastSeconds = 1e-3;

    private readonly List<(List<double> Seconds, Action Step, int Repeats)> _timed = [];

    /// <summary>Adds a step to those that are timed, and runs it twice.</summary>
    /// <returns>Its seconds, once <see cref="Run"/> has been called.</returns>
    public Func<Spread> Add(Action step)
    {
        step();
        var start = Stopwatch.GetTimestamp();
        step();
        var once = Math.Max(Stopwatch.GetElapsedTime(start).TotalSeconds, 1e-7);
        var seconds = new List<double>();
        _timed.Add((seconds, step, (int)Math.Clamp(LeastSeconds / once, 1, 100)));
        return () => Spread.Of(seconds);
    }

    /// <summary>Times all steps.</summary>
    /// <param name="seconds">About how long to take; every step is timed a few times, however long that takes.</param>
    /// <param name="cancellationToken">Looked at between steps.</param>
    public void Run(double seconds, CancellationToken cancellationToken)
    {
        var begin = Stopwatch.GetTimestamp();
        for (var round = 0; round < MostRounds && (round < LeastRounds || Stopwatch.GetElapsedTime(begin).TotalSeconds < seconds); round++)
        {
            foreach (var (measured, step, repeats) in _timed)
            {
                cancellationToken.ThrowIfCancellationRequested();

                // Decoding repeats its steps: what the one before left in the caches of the processor is no part of it.
                step();
                var start = Stopwatch.GetTimestamp();
                for (var repeat = 0; repeat < repeats; repeat++)
                {
                    step();
                }

                measured.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / repeats);
            }
        }
    }
}
