using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tests.Data;

/// <summary>Every row of TOPv2 1.1 that is published for training and evaluation, and of its low-resource splits.</summary>
public class TopV2DataTests
{
    [Fact]
    public void Every_row_of_train_and_eval_survives_all_forms()
    {
        int rows = 0, aligned = 0, pointed = 0, leftmost = 0;
        foreach (var row in TopV2Rows.OfSplit("train").Concat(TopV2Rows.OfSplit("eval")))
        {
            rows++;
            var full = row.Parse;
            Assert.Equal(full, FrameTree.Parse(full.ToString()));

            var words = UtteranceWords.Split(row.Utterance);
            var leaves = full.Words();
            Assert.Equal(string.Concat(words), string.Concat(leaves));
            aligned += words.AsSpan().SequenceEqual(leaves.ToArray()) ? 1 : 0;

            var decoupled = DecoupledForm.FromFull(full);
            var index = IndexForm.FromFull(full, words);
            Assert.Equal(decoupled, IndexForm.ToDecoupled(index, words));
            Assert.Equal(decoupled, IndexForm.ToDecoupled(FrameTree.Parse(index.ToString()), words));

            var guessed = IndexForm.FromDecoupled(decoupled, words);
            Assert.Equal(decoupled, IndexForm.ToDecoupled(guessed, words));

            pointed += index.ToString().Contains('"', StringComparison.Ordinal) ? 0 : 1;
            leftmost += guessed.Equals(index) ? 1 : 0;
        }

        Assert.Equal(141_757, rows);
        Assert.Equal(141_641, aligned); // 99.92 %: the splitter gives the very words of the parse
        Assert.Equal(141_655, pointed); // 99.93 %: no word has to be quoted
        Assert.Equal(141_722, leftmost); // 99.98 %: the leftmost spans are the true ones
    }

    [Fact]
    public void Every_row_of_the_low_resource_splits_survives_all_forms()
    {
        int rows = 0, pointed = 0;
        foreach (var row in TopV2Rows.OfSplit("", "topv2/low_resource_splits"))
        {
            rows++;
            var words = UtteranceWords.Split(row.Utterance);
            var index = IndexForm.FromFull(row.Parse, words);
            Assert.Equal(DecoupledForm.FromFull(row.Parse), IndexForm.ToDecoupled(index, words));
            pointed += index.ToString().Contains('"', StringComparison.Ordinal) ? 0 : 1;
        }

        Assert.Equal((40_107, 0), (rows, rows - pointed));
    }

    [Fact]
    public void A_split_has_its_eight_domains()
    {
        var counts = TopV2Rows.OfSplit("eval").CountBy(row => row.Domain).OrderBy(count => count.Key, StringComparer.Ordinal).ToArray();
        Assert.Equal(["alarm", "event", "messaging", "music", "navigation", "reminder", "timer", "weather"], counts.Select(count => count.Key));
        Assert.Equal(17_160, counts.Sum(count => count.Value));
    }
}
