using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>Chooses draft tokens, and judges them by the full model's logits.</summary>
/// <remarks>What a row's choice is depends on its logits, its position and the request alone, never on what has been drafted or chosen before (invariant I4).</remarks>
internal abstract class TokenSelector
{
    /// <summary>Adds to a pass what <see cref="Draft"/> will ask about the one row that is looked at.</summary>
    public abstract RowPass AskDraft(in RowPass pass);

    /// <summary>Chooses the token that follows the context, by the exit state in a slot.</summary>
    /// <param name="rows">The round's rows.</param>
    /// <param name="slot">Slot of the context's last token, standing after the exit layer.</param>
    /// <param name="context">Prompt, accepted and drafted tokens so far.</param>
    /// <param name="index">Drafted tokens of the round in the context.</param>
    /// <param name="isAnswered">Whether a pass has been run that had what <see cref="AskDraft"/> adds.</param>
    /// <returns>The token, or null where none can follow this context. That ends the draft alone: the full model may never accept the context.</returns>
    public abstract TokenGuess? Draft(RowBuffer rows, int slot, ReadOnlySpan<int> context, int index, bool isAnswered);

    /// <summary>Adds to a pass what <see cref="Verify"/> will ask about the rows that are looked at; nothing, where that is not what it asks about all of them.</summary>
    /// <param name="pass">Whose rows that are looked at are those to judge by.</param>
    /// <param name="drafted">Tokens of the draft.</param>
    public virtual RowPass Ask(in RowPass pass, int drafted) => pass;

    /// <summary>Compares a draft with the full model.</summary>
    /// <param name="rows">The round's rows, standing after the last layer.</param>
    /// <param name="slot">Slot of the last token before the draft.</param>
    /// <param name="count">Rows to judge by: one for each drafted token, and one more where a bonus token is wanted.</param>
    /// <param name="tokens">Context and draft.</param>
    /// <param name="drafted">How many of the last tokens are the draft.</param>
    /// <param name="isAnswered">Whether a pass has been run that had what <see cref="Ask"/> adds.</param>
    /// <returns>
    /// How many drafted tokens are accepted, and the token after them: the full model's own where one was rejected or a row is left for it
    /// (the bonus token), else null. That token is -1 where the full model can choose none.
    /// </returns>
    public abstract (int Accepted, int? Next) Verify(RowBuffer rows, int slot, int count, ReadOnlySpan<int> tokens, int drafted, bool isAnswered);
}
