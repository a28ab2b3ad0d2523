namespace LayerSkip.Engine.Devices;

/// <summary>
/// What one sequence's drafts guess by instead of the head as it is: its rows of the checkpoint's draft vocabulary and of the prompt's tokens, or a coarse copy of it. A draft
/// may be any guess, so that less of a head costs acceptance at worst, and saves a good part of a shallow draft's time.
/// </summary>
internal abstract class DraftHead : IDisposable
{
    /// <summary>Most tokens of a prompt that are added to the checkpoint's: a draft's head must stay small.</summary>
    public const int MaxPromptTokens = 256;

    /// <summary>The tokens of a prompt to add: the latest first, should there be too many, since a draft that copies mostly copies what was said last.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="declared">The checkpoint's draft vocabulary.</param>
    public static List<int> AddedBy(ReadOnlySpan<int> prompt, IReadOnlySet<int> declared)
    {
        var added = new List<int>();
        for (var i = prompt.Length - 1; i >= 0 && added.Count < MaxPromptTokens; i--)
        {
            if (!declared.Contains(prompt[i]) && !added.Contains(prompt[i]))
            {
                added.Add(prompt[i]);
            }
        }

        return added;
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}
