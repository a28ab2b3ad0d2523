using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Devices;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>A device that runs rounds as a whole, by the steps of one that cannot: with no look at any constraint.</summary>
internal sealed class WholeRounds(IDeviceModel model) : DelegatingDevice(model), IDeviceModel
{
    /// <summary>How many it has run.</summary>
    public int Count { get; private set; }

    /// <summary>Called when one has been run, before anybody has seen what came of it.</summary>
    public Action? AfterRound { get; set; }

    public bool RunsRounds(int stopIds) => true;

    public DeviceRoundResult RunRound(in DeviceRound round, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Count++;
        Assert.InRange(round.Room, 0, round.Length);
        using var rows = Inner.CreateRows(1 + round.Length);
        rows.Place(0, 1 + round.Room, round.Cache, round.Position);
        Inner.Embed(rows, 0, [round.Token]);
        Inner.RunLayers(rows, 0, 1, 0, round.ExitLayer, cancellationToken);
        var (drafted, count) = (0, 1);
        for (var goesOn = true; goesOn && drafted < round.Room;)
        {
            var guess = Inner.Guess(rows, count - 1, round.Head);
            round.Draft[drafted++] = guess.Token;
            goesOn = !round.StopIds.Contains(guess.Token);
            if (goesOn)
            {
                Inner.Embed(rows, count, [guess.Token]);
                Inner.RunLayers(rows, count++, 1, 0, round.ExitLayer, cancellationToken);
                goesOn = guess.Probability >= round.LastBelow;
            }
        }

        Inner.RunLayers(rows, 0, count, round.ExitLayer, round.Depth, cancellationToken);
        var choices = new int[count];
        Inner.ArgMax(rows, 0, choices);
        var accepted = 0;
        while (accepted < drafted && choices[accepted] == round.Draft[accepted])
        {
            accepted++;
        }

        AfterRound?.Invoke();
        return new(drafted, accepted, accepted == count ? null : choices[accepted]);
    }
}
