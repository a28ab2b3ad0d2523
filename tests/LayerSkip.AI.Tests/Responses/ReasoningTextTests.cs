using System.Diagnostics;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Responses;

namespace LayerSkip.AI.Tests.Responses;

public class ReasoningTextTests
{
    [Theory]
    [InlineData(false, "<think>\nhm,\nwell\n</think>\n\nyes\n", "hm,\nwell", "yes\n")]
    [InlineData(false, "\n <think>a</think>b", "a", "b")]
    [InlineData(false, "<think></think>b", "", "b")]
    [InlineData(false, "<think>\n\n</think>\n\n", "", "")]
    [InlineData(false, "<think>a </thin </think></think>b", "a </thin ", "</think>b")]
    [InlineData(false, "<think>a\n\nb</think> c", "a\n\nb", " c")]
    [InlineData(false, "<think>cut\n</thi", "cut\n</thi", "")]
    [InlineData(false, " yes, <think>no</think>", "", " yes, <think>no</think>")]
    [InlineData(false, "\n\n", "", "\n\n")]
    [InlineData(false, "<thin", "", "<thin")]
    [InlineData(false, "", "", "")]
    [InlineData(true, "\na\n</think>\n\nb", "a", "b")]
    [InlineData(true, "</think>b", "", "b")]
    [InlineData(true, "a\n\n</thin\n\n<</think>b", "a\n\n</thin\n\n<", "b")]
    [InlineData(true, "never ends", "never ends", "")]
    public void Reasoning_and_answer_are_parted_however_the_text_comes(bool hasBegun, string text, string reasoning, string answer)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var parts = new ReasoningText(new AnswerReasoning(hasBegun, IsShown: true));
            var (thought, said) = ("", "");
            void Take()
            {
                var next = parts.TakeReasoning();
                Assert.True(next.Length == 0 || said.Length == 0);
                (thought, said) = (thought + next, said + parts.TakeAnswer());
            }

            for (var i = 0; i < text.Length;)
            {
                var length = Math.Min(random.Next(1, 4), text.Length - i);
                parts.Read(text.Substring(i, length));
                Take();
                i += length;
            }

            parts.End();
            Take();
            Assert.Equal((reasoning, answer), (thought, said));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("<think>a")]
    public void White_space_without_end_takes_no_time_of_its_square(string before)
    {
        var blank = new string('\n', 1_000_000);
        var parts = new ReasoningText(new AnswerReasoning(HasBegun: false, IsShown: true));
        var watch = Stopwatch.StartNew();

        parts.Read(before + blank + "x");

        Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), $"took {watch.Elapsed}");
        Assert.Equal(blank + "x", (before.Length == 0 ? parts.TakeAnswer() : parts.TakeReasoning())[^(blank.Length + 1)..]);
    }

    [Fact]
    public void What_is_not_to_be_shown_is_left_out()
    {
        var parts = new ReasoningText(new AnswerReasoning(HasBegun: false, IsShown: false));
        parts.Read("<think>secret</think>said");
        parts.End();
        Assert.Equal(("", "said"), (parts.TakeReasoning(), parts.TakeAnswer()));
    }
}
