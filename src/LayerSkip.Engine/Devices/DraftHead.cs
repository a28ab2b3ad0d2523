namespace LayerSkip.Engine.Devices;

/// <summary>
/// The rows of the head that one sequence's drafts choose among: those of the checkpoint's draft vocabulary and of the prompt's tokens. A draft
/// may be any guess, so a head of few rows costs acceptance at worst, and saves the most of a shallow draft's time.
/// </summary>
internal abstract class DraftHead : IDisposable
{
    /// <inheritdoc/>
    public abstract void Dispose();
}
