namespace LayerSkip.Engine.Devices;

/// <summary>A round of greedy decoding that a device runs as a whole: draft, verify, accept, without the host in between.</summary>
/// <param name="Cache">The sequence's cache, which holds all tokens but the last.</param>
/// <param name="Token">The last token.</param>
/// <param name="Position">Its position.</param>
/// <param name="ExitLayer">Layers of the draft.</param>
/// <param name="Depth">Layers that decide.</param>
/// <param name="Length">Tokens of a full draft.</param>
/// <param name="Room">Most tokens of this draft, at most <paramref name="Length"/>.</param>
/// <param name="Head">What the draft chooses among; null: the whole vocabulary.</param>
/// <param name="StopIds">Tokens that nothing follows.</param>
internal readonly record struct GreedyRound(
    KvCache Cache, int Token, int Position, int ExitLayer, int Depth, int Length, int Room, DraftHead? Head, int[] StopIds);

/// <summary>What came of a round.</summary>
/// <param name="Drafted">Tokens drafted.</param>
/// <param name="Accepted">How many of them the full model confirmed.</param>
/// <param name="Next">The full model's own next token; null where an accepted stop token ended the draft, -1 where all logits are NaN.</param>
internal readonly record struct GreedyRoundResult(int Drafted, int Accepted, int? Next);
