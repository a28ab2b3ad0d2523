using LayerSkip.Tests;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tests.Forms;

public class DecoupledFormTests
{
    [Theory]
    [InlineData("[IN:SNOOZE_ALARM Snooze my alarm ]", "[IN:SNOOZE_ALARM ]")]
    [InlineData("[IN:A how [SL:B to [IN:C the [SL:D x ] y ] z ] ? ]", "[IN:A [SL:B to [IN:C [SL:D x ] ] z ] ]")]
    public void Words_of_intents_are_dropped_words_of_slots_are_kept(string full, string decoupled) =>
        Assert.Equal(decoupled, DecoupledForm.FromFull(FrameTree.Parse(full)).ToString());

    [Fact]
    public void Decoupling_twice_changes_nothing()
    {
        var random = new Random(9);
        for (var i = 0; i < 500; i++)
        {
            var once = DecoupledForm.FromFull(RandomFrames.Tree(random));
            Assert.Equal(once, DecoupledForm.FromFull(once));
            Assert.True(once.IsValid);
        }
    }

    [Fact]
    public void The_parser_checkpoint_was_trained_on_this_form()
    {
        var items = SharedData.RequireJson("topv2-parser/golden.json").GetProperty("items").EnumerateArray()
            .ToLookup(item => item.GetProperty("utterance").GetString()!, item => item.GetProperty("reference").GetString()!);
        var found = 0;
        foreach (var row in Data.TopV2Rows.OfSplit("eval").Where(row => items.Contains(row.Utterance)))
        {
            Assert.Contains(DecoupledForm.FromFull(row.Parse).ToString(), items[row.Utterance]);
            found++;
        }

        Assert.True(found >= items.Count, $"{found} rows for {items.Count} utterances");
    }
}
