namespace TopV2Agent;

internal sealed class Timer(string name, TimeSpan length, DateTimeOffset now)
{
    private TimeSpan _left = length; // at _since
    private DateTimeOffset _since = now;

    public string Name { get; } = name;

    public bool IsRunning { get; private set; } = true;

    public TimeSpan Left(DateTimeOffset now) => IsRunning ? Spoken.AtLeastZero(_left - (now - _since)) : _left;

    public void Add(TimeSpan time, DateTimeOffset now) => (_left, _since) = (Spoken.AtLeastZero(Left(now) + time), now);

    public void Run(bool running, DateTimeOffset now) => (_left, _since, IsRunning) = (Left(now), now, running);
}
