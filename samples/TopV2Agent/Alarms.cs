namespace TopV2Agent;

internal sealed record Alarm(string Name, string When);

internal sealed class Alarms
{
    private readonly List<Alarm> _alarms = [];

    public IReadOnlyList<Alarm> All => _alarms;

    public string CreateAlarm(string? dateTime = null, string? dateTimeRecurring = null, string? alarmName = null, string? duration = null)
    {
        var when = Spoken.Join(dateTime, dateTimeRecurring, duration);
        if (when.Length == 0)
        {
            return "When shall the alarm ring?";
        }

        _alarms.Add(new Alarm(alarmName ?? "alarm", when));
        return $"The alarm is set: {when}.";
    }

    public string GetAlarm(string? alarmName = null, string? dateTime = null)
    {
        var found = Matching(alarmName, dateTime);
        return found.Count == 0 ? "You have no such alarm." : $"Your alarms: {string.Join("; ", found.Select(alarm => alarm.When))}.";
    }

    public string DeleteAlarm(string? alarmName = null, string? dateTime = null, string? amount = null)
    {
        var found = Matching(alarmName, dateTime);
        if (found.Count == 0)
        {
            return "You have no such alarm.";
        }

        var deleted = amount is not null || alarmName is not null || dateTime is not null ? found : [found[^1]];
        _alarms.RemoveAll(deleted.Contains);
        return $"Cancelled: {string.Join("; ", deleted.Select(alarm => alarm.When))}.";
    }

    public string SnoozeAlarm(string? dateTime = null)
    {
        if (_alarms.Count == 0)
        {
            return "No alarm is set.";
        }

        _alarms[^1] = _alarms[^1] with { Name = Spoken.Join(_alarms[^1].Name.Split(',')[0] + ", snoozed", dateTime) };
        return Spoken.Join("Snoozed", dateTime) + ".";
    }

    // An alarm is named by its time as well as by its name: "cancel my alarm for tomorrow".
    private List<Alarm> Matching(string? alarmName, string? dateTime) => _alarms.FindAll(alarm =>
        (Spoken.Mentions(alarm.Name, alarmName) || Spoken.Mentions(alarm.When, alarmName)) && Spoken.Mentions(alarm.When, dateTime));
}
