using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>What a round that has begun needs run next, and what others need may be run with: a pass, or the round as a whole. The default: nothing, since it has ended.</summary>
internal readonly record struct RoundWait
{
    /// <summary>Few rows, on a device that shares.</summary>
    public RowPass? Pass { get; private init; }

    /// <summary>Whether <see cref="Pass"/> is a step of the round's draft, or the prompt before it, and not what verifies that.</summary>
    public bool IsDrafting { get; private init; }

    /// <summary>The round, where the device runs it as a whole.</summary>
    public DeviceRound? WholeRound { get; private init; }

    /// <summary>Whether there is anything.</summary>
    public bool Waits => Pass is not null || WholeRound is not null;

    public static RoundWait Draft(in RowPass step) => new() { Pass = step, IsDrafting = true };

    public static RoundWait Verification(in RowPass pass) => new() { Pass = pass };

    public static RoundWait Whole(in DeviceRound round) => new() { WholeRound = round };
}
