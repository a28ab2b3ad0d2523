using System.Diagnostics;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Generations that take turns as an engine's requests do, and run together what can be.</summary>
internal static class SharedTurns
{
    /// <summary>Runs generations to their ends.</summary>
    /// <param name="model">The model.</param>
    /// <param name="generations">Its generations.</param>
    /// <param name="shares">Whether the next one that could share what it runs does so.</param>
    /// <returns>How many times some ran together.</returns>
    public static int Run(IDeviceModel model, IReadOnlyList<Generation> generations, Func<bool> shares)
    {
        var shared = 0;
        while (generations.Where(static generation => generation.FinishReason == FinishReason.None).ToArray() is { Length: > 0 } running)
        {
            shared += Turn(model, running, shares);
        }

        return shared;
    }

    /// <summary>Runs what generations wait for, as far as it can be run together.</summary>
    /// <returns>How many times some ran together.</returns>
    public static int RunTogether(IDeviceModel model, IReadOnlyList<Generation> waiting) =>
        waiting.Where(static generation => generation.Pass is not null).GroupBy(static generation => (generation.Pass!.Value.To, generation.Pass!.Value.IsPrompt)).Sum(same => RunPasses(model, same, same.Key.IsPrompt ? model.SharedPromptRows : model.SharedRows))
        + waiting.Where(static generation => generation.WholeRound is not null).GroupBy(static generation => generation.WholeRound!.Value.Kind).Sum(same => RunRounds(model, same));

    /// <summary>Runs one round of each.</summary>
    private static int Turn(IDeviceModel model, Generation[] running, Func<bool> shares)
    {
        foreach (var generation in running)
        {
            generation.Share(running.Length);
            generation.BeginRound(TestContext.Current.CancellationToken);
        }

        var shared = 0;
        while (running.Where(static generation => generation.IsDrafting).ToArray() is { Length: > 0 } drafting)
        {
            shared += RunTogether(model, [.. drafting.Where(_ => shares())]);
            Array.ForEach(drafting, static generation => generation.GoOn(TestContext.Current.CancellationToken));
        }

        shared += RunTogether(model, [.. running.Where(generation => generation.Waits && shares())]);
        foreach (var generation in running)
        {
            generation.EndRound(TestContext.Current.CancellationToken);
        }

        return shared;
    }

    /// <summary>Runs as many of the passes as fit as one.</summary>
    /// <returns>1 if there were several.</returns>
    private static int RunPasses(IDeviceModel model, IEnumerable<Generation> generations, int mostRows)
    {
        var rows = 0;
        Generation[] sharing = [.. generations.OrderBy(static generation => generation.Pass!.Value.From).TakeWhile(generation => (rows += generation.Pass!.Value.Count) <= mostRows)];
        RowPass[] passes = [.. sharing.Select(static generation => generation.TakePass())];
        var start = Stopwatch.GetTimestamp();
        model.RunPasses(passes);
        var time = new SharedPassTime(Stopwatch.GetTimestamp() - start, passes.Length, passes.Sum(static pass => pass.Count), passes.Count(static pass => pass.AsksHead));
        Array.ForEach(sharing, generation => generation.PassHasRun(time));
        return sharing.Length > 1 ? 1 : 0;
    }

    /// <summary>Runs as many of the whole rounds as fit as one, if those are several.</summary>
    /// <returns>1 if they are.</returns>
    private static int RunRounds(IDeviceModel model, IEnumerable<Generation> generations)
    {
        var count = 0;
        Generation[] sharing = [.. generations.OrderBy(static generation => generation.WholeRound!.Value.Length).TakeWhile(generation => ++count * generation.WholeRound!.Value.Slots <= model.SharedRows)];
        if (sharing.Length < 2)
        {
            return 0;
        }

        var results = new DeviceRoundResult[sharing.Length];
        model.RunRounds([.. sharing.Select(static generation => generation.WholeRound!.Value)], results);
        for (var i = 0; i < results.Length; i++)
        {
            sharing[i].RoundHasRun(results[i], ticks: 0);
        }

        return 1;
    }
}
