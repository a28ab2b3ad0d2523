using System.Text;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;
using LayerSkip.Parsing.Grounding;
using LayerSkip.Parsing.Tests.Data;
using LayerSkip.Tests;

namespace LayerSkip.Parsing.Tests.Grounding;

/// <summary>The language of an utterance's frames holds those that people wrote, and nothing that was not said.</summary>
public class GroundedFramesTests
{
    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));

    private static readonly string[] s_few = ["IN:GET", "IN:GET_IT", "IN:DO", "SL:A", "SL:AT", "SL:AT_2"];

    [Theory]
    [InlineData("stop", "[IN:SILENCE_ALARM ]")]
    [InlineData("stop", " [IN:SILENCE_ALARM ]")]
    [InlineData("  ", "[IN:A2_B ]")]
    [InlineData("wake me at 5:30pm", "[IN:CREATE_ALARM [SL:DATE_TIME at 5 : 30 pm ] ]")]
    [InlineData("wake me at 5PM", "[IN:CREATE_ALARM [SL:DATE_TIME at 5 PM ] ]")]
    [InlineData("wake me at 5PM", "[IN:CREATE_ALARM [SL:DATE_TIME at 5PM ] ]")]
    [InlineData("call Lucía's mum", "[IN:CALL [SL:CONTACT Lucía 's mum ] ]")]
    [InlineData("😀 or [this]", "[IN:A [SL:B 😀 ] [SL:C ( this ) ] ]")]
    [InlineData("the man the moon", "[IN:A [SL:B the moon ] ]")]
    [InlineData("the man the moon", "[IN:A [SL:B the man the ] [SL:B moon ] ]")]
    [InlineData("the man the moon", "[IN:A [SL:B the ] [SL:B the ] ]")]
    [InlineData("so so so", "[IN:A [SL:B so so so ] ]")]
    [InlineData("drive home", "[IN:A [SL:B [IN:GET_HOME ] ] ]")]
    [InlineData("drive home", "[IN:A [SL:B [IN:GET_HOME ] ] [SL:C [IN:GET_HOME ] ] ]")]
    [InlineData("remind me to text my mom", "[IN:R [SL:P me ] [SL:T text [IN:G [SL:T mom ] ] ] ]")]
    [InlineData("events near my house today", "[IN:E [SL:L [IN:L [SL:R near ] [SL:N [IN:H ] ] ] ] [SL:D today ] ]")]
    [InlineData("a b c d", "[IN:A [SL:B a [IN:C [SL:D b ] ] d ] ]")]
    public void Frames_of_the_utterance_are_in_it(string utterance, string frame) => Assert.True(Holds(utterance, frame));

    [Theory]
    [InlineData("wake me at 5", "", "an end without a frame")]
    [InlineData("wake me at 5", "[SL:TIME at 5 ]", "a slot at the root")]
    [InlineData("wake me at 5", "[IN:A", "an open bracket")]
    [InlineData("wake me at 5", "[IN:A ] [IN:B ]", "two roots")]
    [InlineData("wake me at 5", "[IN:A ] ", "a space behind the root")]
    [InlineData("wake me at 5", "  [IN:A ]", "two spaces")]
    [InlineData("wake me at 5", "[IN:A  ]", "two spaces within")]
    [InlineData("wake me at 5", "[IN: ]", "no label")]
    [InlineData("wake me at 5", "[IN:a ]", "a label in lower case")]
    [InlineData("wake me at 5", "[IN:2A ]", "a label that begins with a digit")]
    [InlineData("wake me at 5", "[IN:A wake ]", "a word of an intent")]
    [InlineData("wake me at 5", "[IN:A [IN:B ] ]", "an intent in an intent")]
    [InlineData("wake me at 5", "[IN:A [SL:B [SL:C at ] ] ]", "a slot in a slot")]
    [InlineData("wake me at 5", "[IN:A [SL:B ] ]", "an empty slot")]
    [InlineData("wake me at 5", "[IN:A [SL:B at 6 ] ]", "a word that was not said")]
    [InlineData("wake me at 5", "[IN:A [SL:B me 5 ] ]", "words that are no neighbours")]
    [InlineData("wake me at 5", "[IN:A [SL:B at 5 ] [SL:C me ] ]", "words out of order")]
    [InlineData("wake me at 5", "[IN:A [SL:B me ] [SL:C me ] ]", "a word twice")]
    [InlineData("wake me at 5", "[IN:A [SL:B wak ] ]", "a part of a word")]
    [InlineData("wake me at 5", "[IN:A [SL:B wakeme ] ]", "words joined that were apart")]
    [InlineData("wake me at 5PM", "[IN:A [SL:B P M ] ]", "a word split that is one")]
    [InlineData("drive home", "[IN:A [SL:B [IN:H ] ] [SL:B [IN:H ] ] [SL:B [IN:H ] ] ]", "more nested intents than words")]
    [InlineData("drive home", "[IN:A [SL:B home ] [SL:B [IN:H ] ] ]", "an intent behind the last word")]
    [InlineData("drive home", "[IN:A [SL:B home [IN:H ] ] ]", "an intent in a slot behind the last word")]
    [InlineData("so so", "[IN:A [SL:B so so so ] ]", "a word more often than it was said")]
    [InlineData("  ", "[IN:A [SL:B [IN:C ] ] ]", "a slot where nothing was said")]
    public void Anything_else_is_not(string utterance, string frame, string because) => Assert.False(Holds(utterance, frame), because);

    [Fact]
    public void Brackets_nest_as_deep_as_the_limit()
    {
        Assert.True(Holds("a", Nested(GroundedFrames.MaxDepth)));
        Assert.False(Holds("a", Nested(GroundedFrames.MaxDepth + 2)));

        static string Nested(int depth) =>
            string.Concat(Enumerable.Range(0, depth).Select(level => level % 2 == 0 ? "[IN:A " : "[SL:B ")) + "a " + string.Join(' ', Enumerable.Repeat("]", depth));
    }

    [Fact]
    public void What_people_wrote_of_utterances_is_in_it()
    {
        var (rows, others) = (0, new List<string>());
        foreach (var row in TopV2Rows.OfSplit("eval").Concat(TopV2Rows.OfSplit("train")))
        {
            var frame = DecoupledForm.FromFull(row.Parse);
            rows++;
            if (!Holds(row.Utterance, frame.ToString()) && !HoldsEmptySlot(frame.Root))
            {
                others.Add(row.Utterance);
            }
        }

        // A slot of no word is a slip of the pen. One row splits a word otherwise than all others do.
        Assert.Equal(141_757, rows);
        Assert.Equal(["Tell him that wouldn’t be good for me."], others);

        static bool HoldsEmptySlot(FrameNode node) =>
            (node.Kind == FrameNodeKind.Slot && node.Children.IsEmpty) || node.Children.Any(HoldsEmptySlot);
    }

    [Fact]
    public void Whatever_is_written_can_be_completed_in_as_many_bytes_as_it_says()
    {
        var random = new Random(5);
        string[] words = ["so", "so", "the", "them", "5:30pm", "5PM", "Lucía's", "😀", "(x)", "a", "", "[b]", "o'clock"];
        for (var walk = 0; walk < 400; walk++)
        {
            var utterance = string.Join(' ', Enumerable.Range(0, random.Next(7)).Select(_ => words[random.Next(words.Length)]));
            var (state, text) = ((TextState)Start(utterance, walk % 2 == 0 ? null : s_few), new List<byte>());
            for (var steps = random.Next(120); steps > 0 && !state.NextBytes.IsEmpty; steps--)
            {
                Step(Bytes()[random.Next(state.NextBytes.Count)]);
            }

            for (var left = state.MinBytes; left > 0; left--)
            {
                Assert.Equal(left, state.MinBytes);
                Step(Bytes().MinBy(value => state.After(value).MinBytes));
            }

            Assert.Equal(0, state.MinBytes);
            AssertGrounded(utterance, Encoding.UTF8.GetString([.. text]));

            byte[] Bytes() => [.. Enumerable.Range(0, 256).Select(value => (byte)value).Where(state.NextBytes.Contains)];

            void Step(byte value)
            {
                Assert.Equal(state.After(value), state.After(value));
                Assert.Equal(state.After(value).GetHashCode(), state.After(value).GetHashCode());
                text.Add(value);
                state = state.After(value);
            }
        }
    }

    [Theory]
    [InlineData("[IN:GET ]", true)]
    [InlineData("[IN:GET_IT [SL:AT 5 ] ]", true)]
    [InlineData("[IN:GET [SL:A at [IN:DO ] ] ]", true)]
    [InlineData("[IN:GE ]", false)]
    [InlineData("[IN:GET_ ]", false)]
    [InlineData("[IN:GETS ]", false)]
    [InlineData("[IN:AT ]", false)]
    [InlineData("[IN:GET [SL:GET 5 ] ]", false)]
    [InlineData("[IN:GET [SL:ATE 5 ] ]", false)]
    public void Labels_are_those_that_there_are(string frame, bool holds) => Assert.Equal(holds, Holds("get it at 5", frame, s_few));

    [Fact]
    public void Of_a_kind_that_is_not_named_all_labels_are_meant()
    {
        Assert.True(Holds("get it", "[IN:GET [SL:WHAT it ] ]", ["IN:GET"]));
        Assert.False(Holds("get it", "[IN:GOT [SL:WHAT it ] ]", ["IN:GET"]));
        Assert.True(Holds("get it", "[IN:GOT [SL:WHAT it ] ]", ["SL:WHAT"]));
        Assert.False(Holds("get it", "[IN:GOT [SL:WHO it ] ]", ["SL:WHAT"]));
        Assert.True(Holds("get it", "[IN:GOT [SL:WHO it ] ]", []));
    }

    [Fact]
    public void What_is_no_label_is_refused_by_name()
    {
        foreach (var label in (string?[])["GET", "IN:", "SL:", "IN:a", "SL:B C", "IN:2", "IN:É", "", null])
        {
            Assert.Contains($"'{label}' is no label", Refused(labels => GroundedFrames.Language(new Grammar(), "get it", labels), ["IN:GET", label]), StringComparison.Ordinal);
            Assert.Contains($"'{label}' is no label", Refused(labels => GroundedFrames.Constrain("get it", s_tokenizer, labels), ["IN:CREATE_ALARM", label]), StringComparison.Ordinal);
        }

        // A slip of the pen would else be an intent that no model knows.
        Assert.Contains("'IN:CREATE_ALRM' is no label", Refused(labels => GroundedFrames.Constrain("get it", s_tokenizer, labels), ["IN:CREATE_ALRM"]), StringComparison.Ordinal);
        Assert.NotNull(GroundedFrames.Language(new Grammar(), "get it", ["IN:CREATE_ALRM"]));
        Assert.NotNull(GroundedFrames.Constrain("get it", s_tokenizer, ["IN:CREATE_ALARM", "IN:CREATE_ALARM"]));

        static string Refused(Action<string[]> make, string?[] labels) => Assert.Throws<ArgumentException>(nameof(labels), () => make(labels!)).Message;
    }

    [Fact]
    public void Labels_of_a_tokenizer_hold_those_that_people_wrote()
    {
        var labels = GroundedFrames.Labels(s_tokenizer);
        Assert.Equal(labels, labels.Order(StringComparer.Ordinal));
        Assert.Contains("IN:CREATE_REMINDER", labels);
        Assert.Contains("SL:TODO", labels);

        var written = new HashSet<string>();
        foreach (var row in TopV2Rows.OfSplit("train"))
        {
            Add(row.Parse.Root);
        }

        Assert.True(written.Count > 100);
        Assert.Subset(labels.ToHashSet(), written);

        void Add(FrameNode node)
        {
            if (node.Kind != FrameNodeKind.Word)
            {
                written.Add(node.Text);
                Array.ForEach([.. node.Children], Add);
            }
        }
    }

    [Fact]
    public void Where_a_tokenizer_has_no_labels_any_may_be_written()
    {
        var gpt2 = Tokenizer.Load(SharedData.Require("tokenizers/gpt2"));

        Assert.Empty(GroundedFrames.Labels(gpt2));
        Assert.NotNull(GroundedFrames.Constrain("get it", gpt2, ["IN:WHAT_NOBODY_KNOWS"]));
    }

    [Fact]
    public void Halves_of_a_character_that_stand_apart_are_none()
    {
        const string Halves = "\uD83D \uDE00 a";

        Assert.True(Holds(Halves, "[IN:A [SL:B \uFFFD \uFFFD a ] ]"));
        Assert.False(Holds(Halves, "[IN:A [SL:B \uD83D\uDE00 a ] ]"));
    }

    [Fact]
    public void Utterances_without_end_are_refused()
    {
        var grammar = new Grammar();

        GroundedFrames.Language(grammar, string.Concat(Enumerable.Repeat("a ", GroundedFrames.MaxWords)));
        var error = Assert.Throws<ArgumentException>("utterance", () => GroundedFrames.Language(grammar, string.Concat(Enumerable.Repeat("a ", GroundedFrames.MaxWords + 1))));

        Assert.Contains("1025 words, expected at most 1024", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_longest_utterance_of_one_word_over_and_over_can_be_quoted_whole()
    {
        var words = string.Join(' ', Enumerable.Repeat("so", GroundedFrames.MaxWords));

        Assert.True(Holds(words, $"[IN:A [SL:B {words} ] ]"));
        Assert.False(Holds(words, $"[IN:A [SL:B {words} so ] ]"));
    }

    /// <summary>By other means than the language's own: it parses, is valid, and its runs of words stand one behind the other in what was said.</summary>
    private static void AssertGrounded(string utterance, string text)
    {
        Assert.True(FrameTree.TryParse(text, out var frame), text);
        Assert.Null(frame.Validate());
        Assert.Equal(frame.ToString(), text.TrimStart(' '));
        var (said, at) = (string.Concat(UtteranceWords.Split(utterance)), 0);
        Check(frame.Root);

        void Check(FrameNode node)
        {
            var run = string.Empty;
            foreach (var child in node.Children)
            {
                if (child.Kind == FrameNodeKind.Word)
                {
                    Assert.Equal(FrameNodeKind.Slot, node.Kind);
                    run += child.Text;
                    continue;
                }

                Find(run);
                run = string.Empty;
                Check(child);
            }

            Find(run);
        }

        void Find(string run)
        {
            var found = said.IndexOf(run, at, StringComparison.Ordinal);
            Assert.True(found >= 0, $"'{run}' of {text} is not said behind {at} in '{said}'");
            at = found + run.Length;
        }
    }

    private static StartState Start(string utterance, string[]? labels) =>
        new(new GroundedLanguage(new SpokenText(utterance), labels is null ? FrameLabels.Any : new FrameLabels(labels, FrameLabels.Any)), MayIndent: true);

    private static bool Holds(string utterance, string frame, string[]? labels = null)
    {
        TextState state = Start(utterance, labels);
        foreach (var value in Encoding.UTF8.GetBytes(frame))
        {
            if (!state.NextBytes.Contains(value))
            {
                return false;
            }

            state = state.After(value);
        }

        return state.MinBytes == 0;
    }
}
