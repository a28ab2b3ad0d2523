using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tests.Data;

public class SlotSwapperTests
{
    private static readonly TopV2Row s_row = Row(
        "Wake me at 7am, [please]", "[IN:CREATE_ALARM Wake me [SL:DATE_TIME at 7 am ] , ( [SL:ALARM_NAME [IN:GET_TIME [SL:DATE_TIME please ] ] ] ) ]");

    [Fact]
    public void Values_come_with_their_spelling_and_all_else_stays()
    {
        var swapper = new SlotSwapper(Times("at 5:30pm", "at 5 : 30 pm"));

        var swapped = swapper.Swap(s_row, 1, new Random(1))!;

        Assert.Equal("Wake me at 5:30pm, [at 5:30pm]", swapped.Utterance);
        Assert.Equal(
            "[IN:CREATE_ALARM Wake me [SL:DATE_TIME at 5 : 30 pm ] , ( [SL:ALARM_NAME [IN:GET_TIME [SL:DATE_TIME at 5 : 30 pm ] ] ] ) ]",
            swapped.Parse.ToString());
        Assert.Equal((s_row.Domain, s_row.Line), (swapped.Domain, swapped.Line));
    }

    [Fact]
    public void Nothing_is_drawn_from_other_domains_from_few_values_or_at_a_share_of_zero()
    {
        Assert.Null(new SlotSwapper(Times("at 5", "at 5", domain: "weather")).Swap(s_row, 1, new Random(1)));
        Assert.Null(new SlotSwapper(Times("at 5", "at 5").Skip(1)).Swap(s_row, 1, new Random(1)));
        Assert.Null(new SlotSwapper(Times("at 5", "at 5")).Swap(s_row, 0, new Random(1)));
    }

    [Fact]
    public void Row_whose_words_are_not_its_utterance_is_left_alone()
    {
        var swapper = new SlotSwapper(Times("at 5", "at 5"));

        Assert.Null(swapper.Swap(Row("wake me up at 7", "[IN:CREATE_ALARM wake me [SL:DATE_TIME at 7 ] ]"), 1, new Random(1)));
        Assert.Null(swapper.Swap(Row("wake me on 7", "[IN:CREATE_ALARM wake me [SL:DATE_TIME at 7 ] ]"), 1, new Random(1)));
        Assert.Throws<ArgumentOutOfRangeException>("share", () => swapper.Swap(s_row, 1.5, new Random(1)));
    }

    [Fact]
    public void Swapped_rows_of_TOPv2_are_sound()
    {
        TopV2Row[] rows = [.. TopV2Rows.OfSplit("eval").Take(2000)];
        var swapper = new SlotSwapper(rows);
        var random = new Random(3);
        var swapped = 0;
        foreach (var row in rows)
        {
            if (swapper.Swap(row, 0.5, random) is not { } other)
            {
                continue;
            }

            swapped++;
            Assert.Null(other.Parse.Validate());
            Assert.Equal(Labels(row.Parse.Root), Labels(other.Parse.Root));
            Assert.Equal(
                string.Concat(other.Utterance.Where(c => !char.IsWhiteSpace(c))).Replace('[', '(').Replace(']', ')'),
                string.Concat(other.Parse.Words()));

            // Positions found by characters are those of words: the index form finds its way back.
            var words = UtteranceWords.Split(other.Utterance);
            Assert.Equal(DecoupledForm.FromFull(other.Parse), IndexForm.ToDecoupled(IndexForm.FromFull(other.Parse, words), words));
        }

        Assert.InRange(swapped, rows.Length / 4, rows.Length);
    }

    private static IEnumerable<TopV2Row> Times(string text, string words, string domain = "alarm") =>
        Enumerable.Repeat(Row(text, $"[IN:GET_TIME [SL:DATE_TIME {words} ] ]") with { Domain = domain }, SlotSwapper.FewestValues);

    private static TopV2Row Row(string utterance, string parse) => new("alarm", utterance, FrameTree.Parse(parse), 2);

    private static string Labels(FrameNode node) =>
        node.Kind == FrameNodeKind.Word ? "" : $"[{node.Text}{string.Concat(node.Children.Select(Labels))}]";
}
