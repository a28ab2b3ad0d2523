using LayerSkip.Engine;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.Embeddings;

/// <summary>Texts as the engine takes them, in pieces that keep one caller's thousands of texts from holding up another's one.</summary>
internal sealed class EmbeddingInputs
{
    private const int MaxInputs = 128;
    private const int MaxTokens = 2048;

    private readonly int[][] _inputs;

    /// <param name="model">Whose tokenizer and context.</param>
    /// <param name="values">The texts.</param>
    /// <param name="cancellationToken">Ends the reading between texts.</param>
    /// <exception cref="ArgumentException">A text has no tokens or too many; the message says which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public EmbeddingInputs(LayerSkipModel model, IReadOnlyList<string> values, CancellationToken cancellationToken)
    {
        _inputs = new int[values.Count][];
        for (var i = 0; i < _inputs.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();

            // A text is data, whatever it spells.
            var ids = model.Tokenizer.Encode(values[i], addSpecialTokens: true, AddedTokenMatching.None);
            if (ids.Length == 0 || ids.Length > model.Config.MaxPositions)
            {
                throw new ArgumentException(
                    $"Value {i} has {ids.Length} tokens, expected 1 to {model.Config.MaxPositions}, the model's context.", nameof(values));
            }

            _inputs[i] = ids;
        }
    }

    /// <summary>Tokens of all texts.</summary>
    public long Tokens => _inputs.Sum(input => (long)input.Length);

    /// <summary>The texts' tokens, piece by piece.</summary>
    public IEnumerable<(int[] Tokens, int[] Lengths)> Pieces()
    {
        for (int start = 0, end; start < _inputs.Length; start = end)
        {
            var tokens = 0;
            for (end = start; end < _inputs.Length && end - start < MaxInputs && tokens < MaxTokens; end++)
            {
                tokens += _inputs[end].Length;
            }

            var piece = _inputs[start..end];
            yield return ([.. piece.SelectMany(input => input)], [.. piece.Select(input => input.Length)]);
        }
    }
}
