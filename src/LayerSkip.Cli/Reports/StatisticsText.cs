using LayerSkip.Cli.Commands;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Reports;

/// <summary>A generation's statistics in one line.</summary>
internal static class StatisticsText
{
    public static string Of(Generation generation)
    {
        var statistics = generation.Statistics;
        var how = generation.Mode switch
        {
            DecodingMode.SelfSpeculative =>
                FormattableString.Invariant($" in {Quantity.Of(statistics.Rounds, "round")} of {statistics.TokensPerRound:0.00} (") +
                $"{Source(statistics)}{Drafts(statistics.Drafted, statistics.Accepted)})",
            DecodingMode.EarlyExit => $" (lossy, exit layer {generation.ExitLayer})",
            _ => "",
        };
        var time = statistics.Rounds > 1
            ? FormattableString.Invariant($"prompt of {Quantity.Of(statistics.PromptTokens, "token")} {statistics.PrefillTime.TotalMilliseconds:0.0} ms, decode {statistics.DecodeTime.TotalMilliseconds:0.0} ms")
            : FormattableString.Invariant($"prompt of {Quantity.Of(statistics.PromptTokens, "token")} and the answer with it {statistics.PrefillTime.TotalMilliseconds:0.0} ms");
        var end = generation.FinishReason == FinishReason.Stop ? ", the end token among them" : "";
        return FormattableString.Invariant($"{ModeName.Of(generation.Mode)}: {Quantity.Of(statistics.Tokens, "token")}{how}{end}; ") +
            FormattableString.Invariant($"{time}; {statistics.TokensPerSecond:0.0} tokens/s, prompt included");
    }

    /// <summary>Where drafts came from; nothing where there were none.</summary>
    private static string Source(GenerationStatistics statistics)
    {
        var (drafts, copied) = (statistics.DraftRounds, statistics.LookupRounds);
        var exit = drafts == copied ? "" : FormattableString.Invariant($"exit layer {statistics.MeanExitLayer:0.##}, ");
        return copied == 0 ? exit
            : copied == drafts ? "copied from the context, "
            : $"{exit}{copied} of {Quantity.Of(drafts, "draft")} copied from the context, ";
    }

    /// <summary>What ended an answer before the model did; null where it ended by itself.</summary>
    public static string? WhyCut(Generation generation, int contextLength) => generation.FinishReason switch
    {
        FinishReason.MaxNewTokens =>
            $"the answer is cut after {Quantity.Of(generation.Output.Length, "token")}, the most that --max-tokens, or else the checkpoint or its default, allows",
        FinishReason.ContextEnd => $"the answer is cut: with the prompt's {Quantity.Of(generation.PromptTokens, "token")} it fills the model's context of {contextLength}",
        _ => null,
    };

    /// <summary>Why the controller auto drafted little; null where it drafted in half of the rounds or more.</summary>
    /// <param name="generation">The answer.</param>
    /// <param name="compares">Whether both modes are compared behind it.</param>
    public static string? WhyFewDrafts(Generation generation, bool compares)
    {
        var statistics = generation.Statistics;
        var (drafted, rounds) = (statistics.DraftRounds, statistics.Rounds);
        return generation.Controller == DraftController.Auto && 2 * drafted < rounds
            ? $"auto drafted {(drafted == 0 ? "nothing: it" : $"in {drafted} of {Quantity.Of(rounds, "round")}: in the others it")} expected none to pay, as is common in a process that has just begun; " +
                $"{(compares ? "what is compared now is warm" : "--compare measures both modes warm")}"
            : null;
    }

    /// <summary>Why nothing was accepted in a process that is warm; null where something was, and with controllers other than auto.</summary>
    public static string? WhyNoneAccepted(ComparisonReport comparison, DraftController controller) =>
        (controller, comparison.AcceptanceRate) switch
        {
            (DraftController.Auto, null) => "warm, auto drafted nothing: it expects no draft to pay here",
            (DraftController.Auto, 0) => "warm, auto drafted nothing that was accepted: a guess now and then shows it whether drafts would pay",
            _ => null,
        };

    /// <summary>The share of drafted tokens that were accepted, for tables: <c>98.1 %</c>; null: nothing was drafted.</summary>
    public static string Accepted(double? rate) => rate is { } share ? FormattableString.Invariant($"{100 * share:0.0} %") : "-";

    /// <summary>The same, in words: <c>98.1 % accepted</c>.</summary>
    public static string AcceptedInWords(double? rate) => rate is null ? "nothing drafted" : $"{Accepted(rate)} accepted";

    /// <summary>What became of the drafts. Tokens that nobody drafted come from the full model.</summary>
    public static string Drafts(int drafted, int accepted) => drafted == 0
        ? "nothing drafted"
        : FormattableString.Invariant($"{accepted} of {Quantity.Of(drafted, "drafted token")} accepted: {(double)accepted / drafted:P0}");
}
