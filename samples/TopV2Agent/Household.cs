using Microsoft.Extensions.AI;
using Spectre.Console;

namespace TopV2Agent;

/// <summary>What the agent can change and look up, in memory. A tool is a method of the intent's name, its parameters the slots' names.</summary>
internal sealed class Household(TimeProvider time)
{
    public Reminders Reminders { get; } = new();

    public Alarms Alarms { get; } = new();

    public Timers Timers { get; } = new(time);

    public IList<AITool> Tools =>
    [
        AIFunctionFactory.Create(Reminders.CreateReminder),
        AIFunctionFactory.Create(Reminders.GetReminder),
        AIFunctionFactory.Create(Reminders.DeleteReminder),
        AIFunctionFactory.Create(Alarms.CreateAlarm),
        AIFunctionFactory.Create(Alarms.GetAlarm),
        AIFunctionFactory.Create(Alarms.DeleteAlarm),
        AIFunctionFactory.Create(Alarms.SnoozeAlarm),
        AIFunctionFactory.Create(Timers.CreateTimer),
        AIFunctionFactory.Create(Timers.GetTimer),
        AIFunctionFactory.Create(Timers.AddTimeTimer),
        AIFunctionFactory.Create(Timers.SubtractTimeTimer),
        AIFunctionFactory.Create(Timers.PauseTimer),
        AIFunctionFactory.Create(Timers.ResumeTimer),
        AIFunctionFactory.Create(Timers.DeleteTimer),
        AIFunctionFactory.Create(Surroundings.GetWeather),
        AIFunctionFactory.Create(Surroundings.GetLocationHome),
        AIFunctionFactory.Create(Surroundings.GetEstimatedDuration),
    ];

    /// <summary>Prints the household's state.</summary>
    public void Show()
    {
        var table = new Table().AddColumns("kind", "what", "when");
        foreach (var reminder in Reminders.All)
        {
            table.AddRow("reminder", Markup.Escape(reminder.Todo), Markup.Escape(reminder.When));
        }

        foreach (var alarm in Alarms.All)
        {
            table.AddRow("alarm", Markup.Escape(alarm.Name), Markup.Escape(alarm.When));
        }

        foreach (var timer in Timers.All)
        {
            table.AddRow("timer", Markup.Escape(timer.Name), Spoken.Of(timer.Left(time.GetUtcNow())) + (timer.IsRunning ? " left" : " left, paused"));
        }

        if (table.Rows.Count > 0)
        {
            AnsiConsole.Write(table);
        }
        else
        {
            Console.WriteLine("(no reminders, alarms or timers)");
        }
    }
}
