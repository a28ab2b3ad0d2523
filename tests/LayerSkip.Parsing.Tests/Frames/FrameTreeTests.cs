using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tests.Frames;

public class FrameTreeTests
{
    [Fact]
    public void Parse_reads_kinds_labels_and_words()
    {
        var tree = FrameTree.Parse("[IN:GET_WEATHER weather in [SL:LOCATION new york ] ]");

        Assert.Equal(FrameNodeKind.Intent, tree.Root.Kind);
        Assert.Equal("IN:GET_WEATHER", tree.Root.Text);
        Assert.Equal(["weather", "in", "SL:LOCATION"], tree.Root.Children.Select(child => child.Text));
        Assert.Equal(FrameNodeKind.Slot, tree.Root.Children[2].Kind);
        Assert.Equal(["new", "york"], tree.Root.Children[2].Children.Select(child => child.Text));
        Assert.Equal(["weather", "in", "new", "york"], tree.Words());
        Assert.Equal(2, tree.Root.Depth);
        Assert.True(tree.IsValid);
    }

    [Theory]
    [InlineData("  [IN:A\t[SL:B x\n ]y]  ")]
    [InlineData("[IN:A[SL:B x]y]")]
    [InlineData("[IN:A [SL:B x ] y ]")]
    public void White_space_is_free_and_printing_is_canonical(string text) =>
        Assert.Equal("[IN:A [SL:B x ] y ]", FrameTree.Parse(text).ToString());

    [Theory]
    [InlineData("", 0, "expected [ to open the root intent, found the end")]
    [InlineData("   ", 3, "found the end")]
    [InlineData("hello", 0, "expected [ to open the root intent, found \"hello\"")]
    [InlineData("]", 0, "expected [ to open the root intent, found \"]\"")]
    [InlineData("[IN:A ", 6, "expected ] to close [IN:A of position 0, found the end")]
    [InlineData("[IN:A [SL:B x ]", 15, "expected ] to close [IN:A")]
    [InlineData("[IN:A ] ]", 8, "expected the end of the text")]
    [InlineData("[IN:A ] [IN:B ]", 8, "expected the end of the text")]
    [InlineData("[IN:A ] x", 8, "found \"x\"")]
    [InlineData("[", 1, "expected a label that begins with IN: or SL:")]
    [InlineData("[ IN:A ]", 1, "expected a label")]
    [InlineData("[]", 1, "found \"]\"")]
    [InlineData("[in:A ]", 1, "found \"in:A\"")]
    [InlineData("[IN:A [x ] ]", 7, "found \"x\"")]
    public void Malformed_text_is_refused_with_position_and_expectation(string text, int position, string message)
    {
        var error = Assert.Throws<FrameFormatException>(() => FrameTree.Parse(text));
        Assert.Equal(position, error.Position);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains($"Position {position} ", error.Message, StringComparison.Ordinal);
        Assert.False(FrameTree.TryParse(text, out var tree));
        Assert.Null(tree);
    }

    [Fact]
    public void Messages_cut_a_long_token_short_and_hide_control_characters()
    {
        var error = Assert.Throws<FrameFormatException>(() => FrameTree.Parse("\u001b[31m" + new string('x', 1_000_000)));
        Assert.True(error.Message.Length < 200);
        Assert.DoesNotContain('\u001b', error.Message);
    }

    [Fact]
    public void Depth_is_bounded_at_256()
    {
        static string Nested(int depth) =>
            string.Concat(Enumerable.Range(0, depth).Select(i => i % 2 == 0 ? "[IN:A " : "[SL:B ")) + string.Concat(Enumerable.Repeat("] ", depth));

        var deepest = FrameTree.Parse(Nested(FrameNode.MaxDepth));
        Assert.Equal(FrameNode.MaxDepth, deepest.Root.Depth);
        Assert.True(deepest.IsValid);
        Assert.Equal(Nested(FrameNode.MaxDepth).TrimEnd(), deepest.ToString());
        Assert.Contains("└─ ", deepest.Draw(), StringComparison.Ordinal);

        var error = Assert.Throws<FrameFormatException>(() => FrameTree.Parse(Nested(FrameNode.MaxDepth + 1)));
        Assert.Equal(FrameNode.MaxDepth * 6, error.Position);
        Assert.False(FrameTree.TryParse(Nested(100_000), out _));
        Assert.False(FrameTree.TryParse(string.Concat(Enumerable.Repeat("[", 100_000)), out _));
        Assert.False(FrameTree.TryParse(string.Concat(Enumerable.Repeat("]", 100_000)), out _));
        Assert.Throws<ArgumentException>(() => FrameNode.Slot("SL:B", deepest.Root));
    }

    [Fact]
    public void Parse_of_a_wide_tree_is_linear()
    {
        var text = "[IN:A " + string.Concat(Enumerable.Repeat("[SL:B x y ] z ", 200_000)) + "]";
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var tree = FrameTree.Parse(text);
        Assert.Equal(400_000, tree.Root.Children.Length);
        Assert.Equal(text, tree.ToString());
        Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), $"took {clock.Elapsed}");
    }

    [Fact]
    public void Random_trees_survive_printing_and_parsing()
    {
        var random = new Random(7);
        for (var i = 0; i < 2_000; i++)
        {
            var tree = RandomFrames.Tree(random);
            var again = FrameTree.Parse(tree.ToString());
            Assert.Equal(tree, again);
            Assert.Equal(tree.GetHashCode(), again.GetHashCode());
            Assert.Equal(tree.ToString(), again.ToString());
            Assert.Null(again.Validate());
        }
    }

    [Fact]
    public void Random_damage_is_refused_or_read_never_worse()
    {
        const string Damage = "[] IN:SLx\0\uD800";
        var random = new Random(8);
        for (var i = 0; i < 5_000; i++)
        {
            var text = RandomFrames.Tree(random).ToString().ToCharArray();
            for (var j = random.Next(1, 4); j > 0; j--)
            {
                text[random.Next(text.Length)] = Damage[random.Next(Damage.Length)];
            }

            if (FrameTree.TryParse(text, out var tree))
            {
                Assert.Equal(tree, FrameTree.Parse(tree.ToString()));
                _ = tree.Validate();
                _ = tree.Draw();
            }
            else
            {
                Assert.InRange(Assert.Throws<FrameFormatException>(() => FrameTree.Parse(text)).Position, 0, text.Length);
            }
        }
    }

    [Fact]
    public void Equality_is_structural_and_ordinal()
    {
        var tree = FrameTree.Parse("[IN:A x [SL:B y ] ]");
        Assert.Equal(tree, new FrameTree(FrameNode.Intent("IN:A", FrameNode.Word("x"), FrameNode.Slot("SL:B", FrameNode.Word("y")))));
        Assert.NotEqual(tree, FrameTree.Parse("[IN:A X [SL:B y ] ]"));
        Assert.NotEqual(tree, FrameTree.Parse("[IN:A [SL:B y ] x ]"));
        Assert.NotEqual(tree, FrameTree.Parse("[IN:A x [SL:B y ] ] ".Replace("SL:B", "IN:B", StringComparison.Ordinal)));
        Assert.NotEqual(FrameTree.Parse("[IN:A [SL:B x ] ]"), FrameTree.Parse("[IN:A [SL:B ] x ]"));
        Assert.False(tree.Equals(null));
    }

    [Theory]
    [InlineData("[SL:A x ]", "SL:A", "the root is an intent")]
    [InlineData("[IN:A [IN:B ] ]", "IN:A > IN:B", "an intent holds words and slots")]
    [InlineData("[IN:A [SL:B x ] [SL:C [SL:D ] ] [IN:E ] ]", "IN:A > SL:C > SL:D", "a slot holds words and intents")]
    [InlineData("[IN: ]", "IN:", "a label is")]
    [InlineData("[IN:A [SL:b ] ]", "IN:A > SL:b", "a label is")]
    [InlineData("[IN:A [SL:B [IN:9 ] ] ]", "IN:A > SL:B > IN:9", "a label is")]
    [InlineData("[IN:A-B ]", "IN:A-B", "a label is")]
    public void Validate_reports_the_first_violation(string text, string path, string message)
    {
        var tree = FrameTree.Parse(text);
        var violation = tree.Validate();
        Assert.NotNull(violation);
        Assert.Equal(path, violation.Path);
        Assert.Contains(message, violation.Message, StringComparison.Ordinal);
        Assert.False(tree.IsValid);
    }

    [Fact]
    public void Draw_indents_the_tree_and_joins_runs_of_words()
    {
        var tree = FrameTree.Parse("[IN:GET_ESTIMATED_DURATION How long to [SL:DESTINATION [IN:GET_LOCATION the [SL:LOCATION_MODIFIER closest ] ] ] \u001b ? ]");
        Assert.Equal(
            """
            IN:GET_ESTIMATED_DURATION
            ├─ How long to
            ├─ SL:DESTINATION
            │  └─ IN:GET_LOCATION
            │     ├─ the
            │     └─ SL:LOCATION_MODIFIER
            │        └─ closest
            └─ X ?
            """.Replace("X", "\uFFFD", StringComparison.Ordinal).ReplaceLineEndings("\n"),
            tree.Draw());
    }

    [Fact]
    public void Nodes_refuse_what_could_not_be_read_back()
    {
        Assert.Throws<ArgumentException>(() => FrameNode.Word(""));
        Assert.Throws<ArgumentException>(() => FrameNode.Word("a b"));
        Assert.Throws<ArgumentException>(() => FrameNode.Word("["));
        Assert.Throws<ArgumentException>(() => FrameNode.Intent("SL:A"));
        Assert.Throws<ArgumentException>(() => FrameNode.Slot("SL:A]"));
        Assert.Throws<ArgumentException>(() => FrameNode.Slot("SL:A", (FrameNode)null!));
        Assert.Throws<ArgumentException>(() => new FrameTree(FrameNode.Word("a")));
    }
}
