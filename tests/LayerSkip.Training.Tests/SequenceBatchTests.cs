namespace LayerSkip.Training.Tests;

public class SequenceBatchTests
{
    [Fact]
    public void Rows_are_tokens_with_a_successor_and_prompts_bear_no_loss()
    {
        var batch = new SequenceBatch([new([1, 2, 3, 4], PromptLength: 2), new([5, 6], PromptLength: 0), new([7, 8, 9], PromptLength: 2)]);
        Assert.Equal([1, 2, 3, 5, 7, 8], batch.Tokens);
        Assert.Equal([1, 2, 3, 5], batch.LossRows);
        Assert.Equal([3, 4, 6, 9], batch.LossTargets);
        Assert.Equal((3, 6, 4), (batch.Sequences, batch.Rows, batch.Targets));
    }

    [Fact]
    public void A_prompts_tokens_may_count_for_less()
    {
        var batch = new SequenceBatch([new([1, 2, 3, 4], PromptLength: 3, PromptWeight: 0.25), new([5, 6, 7], PromptLength: 2)]);
        Assert.Equal([0, 1, 2, 4], batch.LossRows);
        Assert.Equal([2, 3, 4, 7], batch.LossTargets);
        Assert.Equal([0.25f, 0.25f, 1, 1], batch.LossWeights);
        Assert.Equal((4, 2.5), (batch.Targets, batch.TotalWeight));
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Prompts_that_count_for_less_than_nothing_or_more_than_the_rest_are_refused(double weight) =>
        Assert.Contains("Sequence 0", Assert.Throws<ArgumentException>(() => new SequenceBatch([new([1, 2, 3], 2, weight)])).Message, StringComparison.Ordinal);

    [Fact]
    public void Sequences_that_teach_nothing_are_refused_by_number()
    {
        var ok = new TrainingSequence([1, 2]);
        Assert.Contains("Sequence 1", Assert.Throws<ArgumentException>(() => new SequenceBatch([ok, new([1])])).Message, StringComparison.Ordinal);
        Assert.Contains("Sequence 2", Assert.Throws<ArgumentException>(() => new SequenceBatch([ok, ok, new([1, 2], 2)])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new SequenceBatch([]));
    }
}
