using LayerSkip.Engine;
using LayerSkip.Tokenizers;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel.Text;

namespace LayerSkip.Integrations.Tests.Page;

public class TokenizersPage(Parser parser)
{
    [Fact]
    public void Chunks()
    {
        var text = string.Join(' ', Enumerable.Repeat("remind me to call mom at 5 pm.", 12));
        IChatClient client = parser.Client;
#pragma warning disable SKEXP0050 // Semantic Kernel's chunker is marked as experimental.
        var tokenizer = new ModelTokenizer(client.GetService<LayerSkipModel>()!.Tokenizer);
        Console.WriteLine(tokenizer.CountTokens("remind me to call mom at 5 pm"));
        var end = tokenizer.GetIndexByTokenCount(text, maxTokenCount: 20, out _, out var count); // text[..end] is of 20 tokens, or all
        var chunks = TextChunker.SplitPlainTextLines(text, maxTokensPerLine: 20, line => tokenizer.CountTokens(line)); // Semantic Kernel's
#pragma warning restore SKEXP0050

        Assert.Equal((20, 20), (count, tokenizer.CountTokens(text[..end])));
        Assert.True(chunks.Count > 1);
        Assert.All(chunks, chunk => Assert.InRange(tokenizer.CountTokens(chunk), 1, 20));
        Assert.Equal(text, string.Join(' ', chunks));
    }
}
