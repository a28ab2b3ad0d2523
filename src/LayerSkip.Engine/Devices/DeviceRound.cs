namespace LayerSkip.Engine.Devices;

/// <summary>A round of decoding that a device runs as a whole: draft, verify, accept, without the host in between.</summary>
/// <param name="Cache">The sequence's cache, which holds all tokens but the last.</param>
/// <param name="Token">The last token.</param>
/// <param name="Position">Its position.</param>
/// <param name="ExitLayer">Layers of the draft.</param>
/// <param name="Depth">Layers that decide.</param>
/// <param name="Length">Tokens of a full draft.</param>
/// <param name="Room">Most tokens of this draft, at most <paramref name="Length"/>.</param>
/// <param name="Head">What a greedy draft chooses among; null: the whole vocabulary.</param>
/// <param name="StopIds">Tokens that nothing follows.</param>
/// <param name="Draw">How draft and full model draw their tokens; null: they take the most likely.</param>
/// <param name="LastBelow">A guess that is less likely (<see cref="TokenGuess.Probability"/>) ends the draft, as its last token; 0: none does.</param>
/// <param name="Draft">Takes the drafted tokens.</param>
internal readonly record struct DeviceRound(
    KvCache Cache, int Token, int Position, int ExitLayer, int Depth, int Length, int Room, DraftHead? Head, int[] StopIds, TokenDraw? Draw, double LastBelow, int[] Draft)
{
    /// <summary>Slots for the last token and a full draft.</summary>
    public int Slots => 1 + Length;

    /// <summary>Rounds of one kind may be run together (<see cref="IDeviceModel.RunRounds"/>).</summary>
    public (int Depth, int ExitLayer, bool Draws, bool IsListed, bool IsJudged) Kind => (Depth, ExitLayer, Draw is not null, Head is not null, LastBelow > 0);
}

/// <summary>What came of a round.</summary>
/// <param name="Drafted">Tokens drafted.</param>
/// <param name="Accepted">How many of them the full model confirmed.</param>
/// <param name="Next">The full model's own next token; null where an accepted stop token ended the draft, -1 where no token has a chance.</param>
internal readonly record struct DeviceRoundResult(int Drafted, int Accepted, int? Next);
