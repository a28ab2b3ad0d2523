using LayerSkip.Training.Data;

namespace LayerSkip.Training.Tests.Data;

public class TrainingDataTests
{
    private static readonly TrainingSet _short = Set(100, length: 5);
    private static readonly TrainingSet _long = Set(40, length: 30);

    [Fact]
    public void An_epoch_holds_every_sequence_once()
    {
        var data = new TrainingData([_short, _long], 64, 7);
        Assert.Equal(140, data.SequencesPerEpoch);
        var epoch = Sequences(data).Take(140).ToHashSet(ReferenceEqualityComparer.Instance);
        Assert.Equal(140, epoch.Count);
    }

    [Fact]
    public void A_share_takes_another_part_in_every_epoch()
    {
        var data = new TrainingData([_short with { Share = 0.25 }, _long], 64, 7);
        Assert.Equal(65, data.SequencesPerEpoch);
        var epochs = Sequences(data).Take(6 * 65).Chunk(65).Select(epoch => epoch.Where(sequence => sequence.Tokens.Count == 5).ToArray()).ToArray();
        Assert.All(epochs, epoch => Assert.Equal(25, epoch.ToHashSet<object>(ReferenceEqualityComparer.Instance).Count));
        Assert.True(epochs.SelectMany(epoch => epoch).ToHashSet<object>(ReferenceEqualityComparer.Instance).Count > 50);
    }

    [Fact]
    public void Steps_have_their_rows_and_not_a_sequence_more()
    {
        foreach (var step in new TrainingData([_short, _long], 64, 7).From(0).Take(50))
        {
            var rows = step.Select(sequence => sequence.Tokens.Count - 1).ToArray();
            Assert.True(rows.Sum() >= 64);
            Assert.True(rows.Sum() - rows[^1] < 64);
        }
    }

    [Fact]
    public void A_run_that_goes_on_sees_what_would_have_come()
    {
        var data = new TrainingData([_short, _long], 64, 7);
        var whole = data.From(0).Take(60).ToArray();
        var again = new TrainingData([_short, _long], 64, 7).From(37).Take(23).ToArray();
        for (var i = 0; i < again.Length; i++)
        {
            Assert.True(whole[37 + i].SequenceEqual(again[i], ReferenceEqualityComparer.Instance));
        }

        Assert.False(whole[0].SequenceEqual(new TrainingData([_short, _long], 64, 8).From(0).First(), ReferenceEqualityComparer.Instance));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(2.25)]
    public void Steps_of_epochs_cover_them(double epochs)
    {
        var data = new TrainingData([_short, _long], 64, 7);
        var steps = (int)data.Steps(epochs);
        Assert.True(data.From(0).Take(steps).Sum(step => step.Count) >= epochs * 140);
        Assert.True(data.From(0).Take(steps - 1).Sum(step => step.Count) < epochs * 140);
    }

    [Fact]
    public void What_cannot_be_trained_on_is_named()
    {
        Assert.Contains("at least one set", Assert.Throws<ArgumentException>(() => new TrainingData([], 64, 0)).Message, StringComparison.Ordinal);
        Assert.Contains("Set 1", Assert.Throws<ArgumentException>(() => new TrainingData([_short, _long with { Share = 0 }], 64, 0)).Message, StringComparison.Ordinal);
        Assert.Contains("Set 0", Assert.Throws<ArgumentException>(() => new TrainingData([new([])], 64, 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingData([_short], 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingData([_short], 1, 0).Steps(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingData([_short], 1, 0).From(-1));
    }

    private static IEnumerable<TrainingSequence> Sequences(TrainingData data) => data.From(0).SelectMany(step => step);

    private static TrainingSet Set(int count, int length) =>
        new([.. Enumerable.Range(0, count).Select(i => new TrainingSequence([.. Enumerable.Repeat(i, length)]))]);
}
