using LayerSkip.Parsing.Frames;
using LayerSkip.Parsing.Scoring;

namespace LayerSkip.Parsing.Tests.Scoring;

public class FrameScorerTests
{
    private static readonly FrameTree Weather = FrameTree.Parse("[IN:GET_WEATHER [SL:LOCATION new york ] [SL:DATE_TIME today ] ]");

    [Fact]
    public void Scores_of_a_few_rows_by_hand()
    {
        var scorer = new FrameScorer();

        // 2 of 2 slots, white space is free.
        scorer.Add("weather", "[IN:GET_WEATHER [SL:LOCATION new york] [SL:DATE_TIME today]]", Weather);
        // Right intent; LOCATION has other words; DATE_TIME is right, its second copy is not: 1 of 3 predicted, 1 of 2 wanted.
        scorer.Add("weather", "[IN:GET_WEATHER [SL:LOCATION york ] [SL:DATE_TIME today ] [SL:DATE_TIME today ] ]", Weather);
        // Wrong intent, no slots: 0 of 0 predicted, 0 of 2 wanted.
        scorer.Add("weather", "[IN:GET_SUNSET ]", Weather);
        // No tree: 0 of 0 predicted, 0 of 2 wanted.
        scorer.Add("weather", "[IN:GET_WEATHER [SL:LOCATION new york ]", Weather);
        // A tree, but not a valid one: counts as none.
        scorer.Add("alarm", "[IN:GET_WEATHER [SL:LOCATION new york ] [IN:DATE_TIME today ] ]", Weather);

        var report = scorer.ToReport();
        var weather = report.Domains["weather"];
        Assert.Equal(["alarm", "weather"], report.Domains.Keys);
        Assert.Equal((4, 3, 1, 2), (weather.Rows, weather.ValidTrees, weather.ExactMatches, weather.IntentMatches));
        Assert.Equal((5, 8, 3), (weather.PredictedSlots, weather.ReferenceSlots, weather.MatchedSlots));
        Assert.Equal(3 / 4.0, weather.TreeValidity);
        Assert.Equal(1 / 4.0, weather.ExactMatch);
        Assert.Equal(2 / 4.0, weather.IntentAccuracy);
        Assert.Equal(3 / 5.0, weather.SlotPrecision);
        Assert.Equal(3 / 8.0, weather.SlotRecall);
        Assert.Equal(2 * (3 / 5.0) * (3 / 8.0) / ((3 / 5.0) + (3 / 8.0)), weather.SlotF1, 12);

        Assert.Equal(5, report.Overall.Rows);
        Assert.Equal(10, report.Overall.ReferenceSlots);
        Assert.Equal(1 / 5.0, report.Overall.ExactMatch);
        Assert.Equal(1 / 8.0, report.MacroExactMatch);
    }

    [Fact]
    public void A_nested_slot_counts_by_all_words_beneath_it()
    {
        var reference = FrameTree.Parse("[IN:A [SL:B x [IN:C [SL:D y ] [SL:E z ] ] ] ]");
        var predicted = FrameTree.Parse("[IN:A [SL:B x [IN:C [SL:D y z ] ] ] ]");
        var scores = FrameScores.Of(predicted, reference);

        // B covers "x y z" in both; D differs, E is missing.
        Assert.Equal((2, 3, 1), (scores.PredictedSlots, scores.ReferenceSlots, scores.MatchedSlots));
        Assert.Equal(0, scores.ExactMatches);
        Assert.Equal(1, scores.IntentMatches);
    }

    [Fact]
    public void Slots_without_words_match_by_label()
    {
        var scores = FrameScores.Of(FrameTree.Parse("[IN:A [SL:B [IN:HOME ] ] [SL:C ] ]"), FrameTree.Parse("[IN:A [SL:B [IN:WORK ] ] [SL:D ] ]"));
        Assert.Equal((2, 2, 1), (scores.PredictedSlots, scores.ReferenceSlots, scores.MatchedSlots));
    }

    [Fact]
    public void Merging_equals_scoring_together()
    {
        var random = new Random(12);
        var together = new FrameScorer();
        FrameScorer[] parts = [new(), new(), new()];
        for (var i = 0; i < 600; i++)
        {
            var domain = "d" + random.Next(4);
            var reference = RandomFrames.Tree(random);
            var predicted = random.Next(4) switch { 0 => null, 1 => reference, _ => RandomFrames.Tree(random) };
            together.Add(domain, predicted, reference);
            parts[random.Next(3)].Add(domain, predicted, reference);
        }

        parts[0].Merge(parts[1]);
        parts[0].Merge(parts[2]);
        Assert.Equal(together.ToReport().Domains, parts[0].ToReport().Domains);
        Assert.Equal(together.ToReport().Overall, parts[0].ToReport().Overall);
    }

    [Fact]
    public void Nothing_scores_zero_and_a_bad_reference_is_refused()
    {
        var report = new FrameScorer().ToReport();
        Assert.Equal(FrameScores.None, report.Overall);
        Assert.Equal((0.0, 0.0, 0.0), (report.Overall.ExactMatch, report.Overall.SlotF1, report.MacroExactMatch));
        Assert.Throws<ArgumentException>(() => FrameScores.Of(Weather, FrameTree.Parse("[SL:A ]")));
    }
}
