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
    public void Sequences_that_teach_nothing_are_refused_by_number()
    {
        var ok = new TrainingSequence([1, 2]);
        Assert.Contains("Sequence 1", Assert.Throws<ArgumentException>(() => new SequenceBatch([ok, new([1])])).Message, StringComparison.Ordinal);
        Assert.Contains("Sequence 2", Assert.Throws<ArgumentException>(() => new SequenceBatch([ok, ok, new([1, 2], 2)])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new SequenceBatch([]));
    }
}
