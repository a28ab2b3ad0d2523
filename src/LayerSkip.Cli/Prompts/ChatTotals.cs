using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Prompts;

/// <summary>Sums the statistics of a chat's answers.</summary>
internal sealed class ChatTotals
{
    private int _answers;
    private int _tokens;
    private int _promptTokens;
    private int _cachedTokens;
    private int _rounds;
    private int _drafted;
    private int _accepted;
    private TimeSpan _time;

    public void Add(Generation generation)
    {
        var statistics = generation.Statistics;
        if (statistics.Rounds == 0)
        {
            return;
        }

        _answers++;
        _tokens += statistics.Tokens;
        _promptTokens += statistics.PromptTokens;
        _cachedTokens += statistics.CachedTokens;
        _rounds += statistics.Rounds;
        _drafted += statistics.Drafted;
        _accepted += statistics.Accepted;
        _time += statistics.TotalTime;
    }

    /// <summary>All answers in one line.</summary>
    public string Describe()
    {
        if (_answers == 0)
        {
            return "no answer";
        }

        var drafts = _drafted == 0 ? "" : $", {StatisticsText.Drafts(_drafted, _accepted)}";
        var cached = _cachedTokens == 0
            ? ""
            : FormattableString.Invariant($", {_cachedTokens} of {_promptTokens} prompt tokens known from earlier turns");
        var rate = _time > TimeSpan.Zero ? _tokens / _time.TotalSeconds : 0;
        return FormattableString.Invariant($"{Quantity.Of(_answers, "answer")}, {Quantity.Of(_tokens, "token")} in {Quantity.Of(_rounds, "round")}{drafts}{cached}; {_time.TotalMilliseconds:0.0} ms, {rate:0.0} tokens/s, prompts included");
    }
}
