namespace TopV2Agent;

internal sealed class Timers(TimeProvider time)
{
    private const string None = "No timer is running.";
    private readonly List<Timer> _timers = [];

    public IReadOnlyList<Timer> All => _timers;

    private DateTimeOffset Now => time.GetUtcNow();

    public string CreateTimer(string? dateTime = null, string? timerName = null)
    {
        if (Spoken.Duration(dateTime) is not { } length)
        {
            return "For how long shall the timer run?";
        }

        _timers.Add(new Timer(timerName ?? "timer", length, Now));
        return $"The {_timers[^1].Name} runs for {Spoken.Of(length)}.";
    }

    public string GetTimer(string? timerName = null) => With(timerName, timer => $"{Spoken.Of(timer.Left(Now))} left on the {timer.Name}.");

    public string AddTimeTimer(string? dateTime = null, string? timerName = null) => Change(timerName, dateTime, sign: 1);

    public string SubtractTimeTimer(string? dateTime = null, string? timerName = null) => Change(timerName, dateTime, sign: -1);

    public string PauseTimer(string? timerName = null) => With(timerName, timer =>
    {
        timer.Run(running: false, Now);
        return $"Paused, with {Spoken.Of(timer.Left(Now))} left.";
    });

    public string ResumeTimer(string? timerName = null) => With(timerName, timer =>
    {
        timer.Run(running: true, Now);
        return $"Running again, with {Spoken.Of(timer.Left(Now))} left.";
    });

    public string DeleteTimer(string? timerName = null, string? amount = null)
    {
        if (amount is not null && _timers.Count > 0)
        {
            _timers.Clear();
            return "All timers are off.";
        }

        return With(timerName, timer =>
        {
            _timers.Remove(timer);
            return $"The {timer.Name} is off.";
        });
    }

    private string Change(string? timerName, string? dateTime, int sign) => With(timerName, timer =>
    {
        if (Spoken.Duration(dateTime) is not { } change)
        {
            return "By how much?";
        }

        timer.Add(sign * change, Now);
        return $"Now {Spoken.Of(timer.Left(Now))} left on the {timer.Name}.";
    });

    /// <summary>Deals with the last timer of the name.</summary>
    private string With(string? timerName, Func<Timer, string> act) =>
        _timers.FindLast(timer => Spoken.Mentions(timer.Name, timerName)) is { } timer ? act(timer) : None;
}
