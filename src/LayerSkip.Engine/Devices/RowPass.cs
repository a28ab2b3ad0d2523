using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Devices;

/// <summary>What one sequence needs run before it can go on: rows through some layers, and the head over those that are looked at. A step of its draft, what verifies that, or the prompt before them.</summary>
/// <param name="Rows">Its slots, of which those meant stand before layer <paramref name="From"/>.</param>
/// <param name="Start">First slot.</param>
/// <param name="Count">How many slots.</param>
/// <param name="From">First layer.</param>
/// <param name="To">End of the layers, exclusive.</param>
/// <param name="Unread">How many of the first slots nobody asks the head about.</param>
internal readonly record struct RowPass(RowBuffer Rows, int Start, int Count, int From, int To, int Unread)
{
    /// <summary>By which weights the layers run: others than the exact ones for rows of a draft alone.</summary>
    public DraftWeights Weights { get; init; }

    /// <summary>Slots that are looked at afterwards.</summary>
    public int Read => Count - Unread;

    /// <summary>Whether no slot is looked at: what comes of it are the cache's entries.</summary>
    public bool IsPrompt => Read == 0;

    /// <summary>First of the slots that are looked at afterwards.</summary>
    public int FirstRead => Start + Unread;

    /// <summary>Where the most likely token of each slot that is looked at goes (of equals the lowest id; -1 where all logits are NaN); null: nobody asks.</summary>
    public int[]? Choices { get; init; }

    /// <summary>Where the logits of each slot that is looked at go, [<see cref="Read"/>, vocabulary]; null: nobody asks.</summary>
    public float[]? Logits { get; init; }

    /// <summary>Whether those logits need be no nearer than <see cref="IDeviceModel.DraftLogits"/> gives them.</summary>
    public bool IsDraft { get; init; }

    /// <summary>How a token is drawn for the position behind each slot that is looked at, on a device that draws (<see cref="IDeviceModel.DrawsTokens"/>); null: nobody asks.</summary>
    public TokenDraw? Draw { get; init; }

    /// <summary>Where those tokens go (-1 where none has a logit above negative infinity), and how likely they were to be; null: nobody asks.</summary>
    public TokenGuess[]? Draws { get; init; }

    /// <summary>Where a guess goes by the one slot that is looked at, as <see cref="IDeviceModel.Guess"/> tells it; null: nobody asks.</summary>
    public TokenGuess[]? Guess { get; init; }

    /// <summary>What is guessed by; null: the whole head.</summary>
    public DraftHead? GuessHead { get; init; }

    /// <summary>Whether anything of the head is asked for.</summary>
    public bool AsksHead => Choices is not null || Logits is not null || Draws is not null || Guess is not null;
}
