using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>A device that runs rounds as a whole, by the steps of one that cannot: with no look at any constraint.</summary>
internal sealed class WholeRounds(IDeviceModel model) : IDeviceModel
{
    /// <summary>How many it has run.</summary>
    public int Count { get; private set; }

    /// <summary>Called when one has been run, before anybody has seen what came of it.</summary>
    public Action? AfterRound { get; set; }

    public ModelConfig Config => model.Config;

    public WeightFormat WeightFormat => model.WeightFormat;

    public string Device => model.Device;

    public long WeightBytes => model.WeightBytes;

    public long KvBytes => model.KvBytes;

    public bool HasHiddenStates => model.HasHiddenStates;

    public long BytesRead(int from, int to, bool head) => model.BytesRead(from, to, head);

    public long KvBytesOf(int positions) => model.KvBytesOf(positions);

    public KvCache CreateCache() => model.CreateCache();

    public RowBuffer CreateRows(int capacity) => model.CreateRows(capacity);

    public DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt) => model.CreateDraftHead(prompt);

    public void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens) => model.Embed(rows, start, tokens);

    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default) =>
        model.RunLayers(rows, start, count, from, to, cancellationToken);

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens) => model.ArgMax(rows, start, tokens);

    public TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head) => model.Guess(rows, slot, head);

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states) => model.Normalize(rows, start, count, states);

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits) => model.Logits(rows, start, count, logits);

    public bool RunsRounds(int stopIds) => true;

    public DeviceRoundResult RunRound(in DeviceRound round, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Count++;
        Assert.InRange(round.Room, 0, round.Length);
        using var rows = model.CreateRows(1 + round.Length);
        rows.Place(0, 1 + round.Room, round.Cache, round.Position);
        model.Embed(rows, 0, [round.Token]);
        model.RunLayers(rows, 0, 1, 0, round.ExitLayer, cancellationToken);
        var (drafted, count) = (0, 1);
        for (var goesOn = true; goesOn && drafted < round.Room;)
        {
            var guess = model.Guess(rows, count - 1, round.Head);
            round.Draft[drafted++] = guess.Token;
            goesOn = !round.StopIds.Contains(guess.Token);
            if (goesOn)
            {
                model.Embed(rows, count, [guess.Token]);
                model.RunLayers(rows, count++, 1, 0, round.ExitLayer, cancellationToken);
                goesOn = guess.Probability >= round.LastBelow;
            }
        }

        model.RunLayers(rows, 0, count, round.ExitLayer, round.Depth, cancellationToken);
        var choices = new int[count];
        model.ArgMax(rows, 0, choices);
        var accepted = 0;
        while (accepted < drafted && choices[accepted] == round.Draft[accepted])
        {
            accepted++;
        }

        AfterRound?.Invoke();
        return new(drafted, accepted, accepted == count ? null : choices[accepted]);
    }

    public void Dispose()
    {
        // The model is the test's.
    }
}
