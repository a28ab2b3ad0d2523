using LayerSkip.Engine;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.Embeddings;

/// <summary>Texts as the engine takes them.</summary>
internal sealed class EmbeddingInputs
{
    /// <param name="model">Whose tokenizer and context.</param>
    /// <param name="values">The texts.</param>
    /// <param name="cancellationToken">Ends the reading between texts.</param>
    /// <exception cref="ArgumentException">A text has no tokens or too many; the message says which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public EmbeddingInputs(LayerSkipModel model, IReadOnlyList<string> values, CancellationToken cancellationToken)
    {
        var tokens = new List<int>();
        Lengths = new int[values.Count];
        for (var i = 0; i < Lengths.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();

            // A text is data, whatever it spells.
            var ids = model.Tokenizer.Encode(values[i], addSpecialTokens: true, AddedTokenMatching.None);
            if (ids.Length == 0 || ids.Length > model.Config.MaxPositions)
            {
                throw new ArgumentException(
                    $"Value {i} has {ids.Length} tokens, expected 1 to {model.Config.MaxPositions}, the model's context.", nameof(values));
            }

            tokens.AddRange(ids);
            Lengths[i] = ids.Length;
        }

        Tokens = [.. tokens];
    }

    /// <summary>The tokens of all texts, one text after the other.</summary>
    public int[] Tokens { get; }

    /// <summary>Tokens of each text.</summary>
    public int[] Lengths { get; }
}
