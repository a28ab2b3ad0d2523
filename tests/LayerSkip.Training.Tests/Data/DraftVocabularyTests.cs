using LayerSkip.Training.Data;

namespace LayerSkip.Training.Tests.Data;

public class DraftVocabularyTests
{
    // Answers hold, beside what they copy: 9 ten times, 7 five times, 8 once.
    private static readonly TrainingSequence[] _rows =
    [
        .. Enumerable.Repeat(new TrainingSequence([1, 2, 3, 9, 2, 7, 9], 3), 5),
        new([4, 5, 8, 4], 2),
    ];

    [Theory]
    [InlineData(1, new[] { 7, 8, 9 })]
    [InlineData(0.99, new[] { 7, 8, 9 })]
    [InlineData(15.0 / 16, new[] { 7, 9 })]
    [InlineData(0.6, new[] { 9 })]
    [InlineData(0.001, new[] { 9 })]
    public void Holds_the_most_frequent_tokens_that_prompts_lack(double coverage, int[] expected) =>
        Assert.Equal(expected, DraftVocabulary.Choose(_rows, coverage));

    [Fact]
    public void Answers_that_only_copy_need_none() => Assert.Empty(DraftVocabulary.Choose([new([1, 2, 1, 2], 2)], 1));

    [Theory]
    [InlineData(0)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Share_out_of_range_is_refused(double coverage) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => DraftVocabulary.Choose(_rows, coverage));
}
