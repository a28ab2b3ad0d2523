namespace TopV2Agent;

internal sealed record Reminder(string Todo, string When, string Person);

internal sealed class Reminders
{
    private readonly List<Reminder> _reminders = [];

    public IReadOnlyList<Reminder> All => _reminders;

    public string CreateReminder(string todo, string? dateTime = null, string? recurringDateTime = null, string? personReminded = null)
    {
        var person = personReminded is null or "me" or "my" or "i" or "I" ? "you" : personReminded;
        var reminder = new Reminder(todo, Spoken.Join(dateTime, recurringDateTime), person);
        _reminders.Add(reminder);
        return $"I will remind {person}: {Spoken.Join(todo, reminder.When)}.";
    }

    public string GetReminder(string? todo = null, string? dateTime = null)
    {
        var found = Matching(todo, dateTime);
        return found.Count == 0 ? "You have no such reminder." : $"Your reminders: {string.Join("; ", found.Select(reminder => Spoken.Join(reminder.Todo, reminder.When)))}.";
    }

    public string DeleteReminder(string? todo = null, string? dateTime = null, string? amount = null)
    {
        var found = Matching(todo, dateTime);
        if (found.Count == 0)
        {
            return "You have no such reminder.";
        }

        // "My reminder" is the last one; "all my reminders" and what is named are meant as said.
        var deleted = amount is not null || todo is not null || dateTime is not null ? found : [found[^1]];
        _reminders.RemoveAll(deleted.Contains);
        return $"Deleted: {string.Join("; ", deleted.Select(reminder => reminder.Todo))}.";
    }

    private List<Reminder> Matching(string? todo, string? dateTime) =>
        _reminders.FindAll(reminder => Spoken.Mentions(reminder.Todo, todo) && Spoken.Mentions(reminder.When, dateTime));
}
