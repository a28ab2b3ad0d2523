using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>
/// The clock that chat templates read while a run's rows are encoded. It stands at midnight of one day: a template may write the date into every
/// prompt, and a run that is resumed on another day must go on with the rows it began with.
/// </summary>
/// <param name="day">The day on which the run began.</param>
internal sealed class RunClock(DateOnly day) : TimeProvider
{
    private volatile bool _isRead;

    public DateOnly Day => day;

    /// <summary>Whether a template has asked: only then is the day part of what the run is.</summary>
    public bool IsRead => _isRead;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>The clock of the run that an output holds; of today where it holds none.</summary>
    /// <param name="output">The run's directory, which need not exist.</param>
    /// <exception cref="CheckpointException">The state is damaged.</exception>
    public static RunClock Of(string output)
    {
        var state = Path.Combine(output, RunDirectory.StateName);
        var description = File.Exists(state) ? SavedRun.Read(state).Description : null;
        return new RunClock((description is null ? null : RunDescription.Parse(description, state).Day) ?? DateOnly.FromDateTime(System.GetLocalNow().Date));
    }

    public override DateTimeOffset GetUtcNow()
    {
        _isRead = true;
        return new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero);
    }
}
