namespace LayerSkip.Engine.Devices;

/// <summary>Slots for rows in device memory: each holds one token position's hidden state on its way through the layers.</summary>
/// <remarks>
/// A slot keeps the hidden state of the last layer that ran, before the final norm. After a draft that is the exit state,
/// which is how verification starts at layer E without computing anything again.
/// </remarks>
internal abstract class RowBuffer : IDisposable
{
    /// <summary>Number of slots.</summary>
    public abstract int Capacity { get; }

    /// <summary>Tokens of the prompt, where the rows are one generation's; 0 where nobody says. What a row computes does not depend on it.</summary>
    public int PromptTokens { get; private set; }

    /// <summary>The rows are of a generation that begins.</summary>
    /// <param name="promptTokens">Tokens of its prompt.</param>
    public virtual void Begin(int promptTokens) => PromptTokens = promptTokens;

    /// <summary>The rows take the place of others of the same generation.</summary>
    public virtual void Replace(RowBuffer others) => PromptTokens = others.PromptTokens;

    /// <summary>Assigns consecutive slots to consecutive positions of a sequence, and makes room there in its cache.</summary>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="cache">The sequence's cache, of the same device.</param>
    /// <param name="position">Position of the first slot's token.</param>
    public abstract void Place(int start, int count, KvCache cache, int position);

    /// <inheritdoc/>
    public abstract void Dispose();
}
