using System.Collections;
using LayerSkip.AI.Embeddings;
using LayerSkip.Engine;

namespace LayerSkip.AI.Tests.Embeddings;

public class EmbeddingInputsTests
{
    [Fact]
    public void Texts_are_encoded_no_further_than_to_the_cancellation()
    {
        using var model = LayerSkipModel.Load(TestModels.ParserPath);
        using var cancellation = new CancellationTokenSource();
        var texts = new Texts(cancellation);

        Assert.Throws<OperationCanceledException>(() => new EmbeddingInputs(model, texts, cancellation.Token));
        Assert.Equal(3, texts.Read);
    }

    /// <summary>Many texts, whose reader is cancelled at the third.</summary>
    private sealed class Texts(CancellationTokenSource cancellation) : IReadOnlyList<string>
    {
        public int Read { get; private set; }

        public int Count => 100_000;

        public string this[int index]
        {
            get
            {
                if (++Read == 3)
                {
                    cancellation.Cancel();
                }

                return "x";
            }
        }

        public IEnumerator<string> GetEnumerator() => Enumerable.Range(0, Count).Select(index => this[index]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
