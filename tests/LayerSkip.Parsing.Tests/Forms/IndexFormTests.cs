using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tests.Forms;

public class IndexFormTests
{
    [Theory]
    [InlineData("weather in new york", "[IN:W [SL:LOCATION new york ] ]", "[IN:W [SL:LOCATION 2 3 ] ]")]
    [InlineData("play halo", "[IN:P [SL:TITLE halo ] ]", "[IN:P [SL:TITLE 1 1 ] ]")]
    [InlineData("snooze", "[IN:S ]", "[IN:S ]")]
    [InlineData("a b a b a", "[IN:X [SL:A a ] [SL:B a ] [SL:C a ] ]", "[IN:X [SL:A 0 0 ] [SL:B 2 2 ] [SL:C 4 4 ] ]")]
    [InlineData("a b a c", "[IN:X [SL:A a c ] [SL:B b ] ]", "[IN:X [SL:A 2 3 ] [SL:B 1 1 ] ]")]
    [InlineData("a b c", "[IN:X [SL:A a c ] [SL:B b ] ]", "[IN:X [SL:A \"a\" \"c\" ] [SL:B 1 1 ] ]")]
    [InlineData("at 5PM", "[IN:X [SL:A at 5PM ] [SL:B tomorrow ] ]", "[IN:X [SL:A \"at\" \"5PM\" ] [SL:B \"tomorrow\" ] ]")]
    [InlineData("to the x y", "[IN:A [SL:B to [IN:C [SL:D x ] ] y ] ]", "[IN:A [SL:B 0 0 [IN:C [SL:D 2 2 ] ] 3 3 ] ]")]
    [InlineData("1 \" 0", "[IN:X [SL:A \" 0 ] [SL:B 7 \" ] ]", "[IN:X [SL:A 1 2 ] [SL:B \"7\" \"\"\" ] ]")]
    public void Slots_point_at_the_leftmost_words_in_order_or_quote_them(string utterance, string decoupled, string index)
    {
        var words = UtteranceWords.Split(utterance);
        var tree = FrameTree.Parse(decoupled);
        var pointed = IndexForm.FromDecoupled(tree, words);
        Assert.Equal(index, pointed.ToString());
        Assert.Equal(tree, IndexForm.ToDecoupled(FrameTree.Parse(index), words));
    }

    [Fact]
    public void A_full_parse_gives_the_true_positions()
    {
        var full = FrameTree.Parse("[IN:X call me and [SL:A me ] at [SL:B 5PM ] or [SL:C six ] ]");
        var words = UtteranceWords.Split("call me and me at 5PM or six");

        // The splitter makes two words of 5PM, so that slot is quoted, and the positions behind it are still right.
        var index = IndexForm.FromFull(full, words);
        Assert.Equal("[IN:X [SL:A 3 3 ] [SL:B \"5PM\" ] [SL:C 8 8 ] ]", index.ToString());
        Assert.Equal("[IN:X [SL:A 1 1 ] [SL:B \"5PM\" ] [SL:C 8 8 ] ]", IndexForm.FromDecoupled(DecoupledForm.FromFull(full), words).ToString());
        Assert.Equal(DecoupledForm.FromFull(full), IndexForm.ToDecoupled(index, words));
        Assert.Equal("[IN:X [SL:A 1 1 ] [SL:B \"5PM\" ] [SL:C \"six\" ] ]", IndexForm.FromFull(full, ["another", "me"]).ToString());
    }

    [Fact]
    public void Random_trees_come_back_over_their_own_and_over_strange_words()
    {
        var random = new Random(11);
        for (var i = 0; i < 2_000; i++)
        {
            var full = RandomFrames.Tree(random);
            var decoupled = DecoupledForm.FromFull(full);
            var own = full.Words();
            var strange = RandomFrames.Tree(random).Words();

            var exact = IndexForm.FromFull(full, own);
            Assert.DoesNotContain(exact.Words(), leaf => leaf.Contains('"', StringComparison.Ordinal));
            Assert.Equal(decoupled, IndexForm.ToDecoupled(exact, own));
            foreach (var words in new[] { own, strange })
            {
                Assert.Equal(decoupled, IndexForm.ToDecoupled(IndexForm.FromDecoupled(decoupled, words), words));
                Assert.Equal(decoupled, IndexForm.ToDecoupled(IndexForm.FromFull(full, words), words));
            }
        }
    }

    [Theory]
    [InlineData("[IN:X 0 0 ]", "an intent of the index form holds slots only")]
    [InlineData("[IN:X [SL:A 0 ] ]", "must be followed by its last")]
    [InlineData("[IN:X [SL:A 0 [IN:Y ] 1 ] ]", "must be followed by its last")]
    [InlineData("[IN:X [SL:A 0 3 ] ]", "expected a position below the utterance's 3 words or a quoted word, found \"3\"")]
    [InlineData("[IN:X [SL:A 2 1 ] ]", "the span 2 1 ends before it begins")]
    [InlineData("[IN:X [SL:A -1 1 ] ]", "found \"-1\"")]
    [InlineData("[IN:X [SL:A 99999999999999999999 1 ] ]", "found \"99999999999999999999\"")]
    [InlineData("[IN:X [SL:A one two ] ]", "found \"one\"")]
    [InlineData("[IN:X [SL:A \"\" ] ]", "found \"\"\"\"")]
    public void A_malformed_index_tree_is_refused_by_slot(string index, string message)
    {
        string[] words = ["a", "b", "c"];
        var tree = FrameTree.Parse(index);
        var error = Assert.Throws<FormatException>(() => IndexForm.ToDecoupled(tree, words));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(index.Contains("SL:A", StringComparison.Ordinal) ? "SL:A: " : "IN:X: ", error.Message, StringComparison.Ordinal);
        Assert.False(IndexForm.TryToDecoupled(tree, words, out var decoupled));
        Assert.Null(decoupled);
    }

    [Fact]
    public void Overlapping_spans_cannot_ask_for_unbounded_memory()
    {
        var words = Enumerable.Repeat("a", 10_000).ToArray();
        var tree = FrameTree.Parse("[IN:X " + string.Concat(Enumerable.Repeat("[SL:A 0 9999 ] ", 10_000)) + "]");
        Assert.Contains("65536", Assert.Throws<FormatException>(() => IndexForm.ToDecoupled(tree, words)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_are_checked()
    {
        Assert.Throws<ArgumentException>(() => IndexForm.FromDecoupled(FrameTree.Parse("[IN:X a ]"), ["a"]));
        var error = Assert.Throws<ArgumentException>(() => IndexForm.FromDecoupled(FrameTree.Parse("[IN:X ]"), ["a", "b c"]));
        Assert.Contains("Word 1", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => IndexForm.ToDecoupled(FrameTree.Parse("[IN:X ]"), ["["]));
    }
}
