using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace LayerSkip.Recipes.Teacher;

/// <summary>
/// The pretrained encoder, and a small decoder that writes a parse: labels from a list, words by pointing at the utterance's (Rongali et al. 2020, arXiv 2001.11458).
/// </summary>
/// <remarks>
/// Weights are kept in float32; a pass runs over <see cref="Leaves"/>, in which those of products are bfloat16, and which are a thread's own, so that two threads can each
/// run a half of a batch. Names are those of the encoder's checkpoint; shapes are [outputs, inputs].
/// </remarks>
internal sealed class ParserNet
{
    private const int Width = PretrainedEncoder.Width;
    private const int DecoderLayers = 2;
    private const int DecoderHeads = 6;
    private const int DecoderHidden = 1536;
    private const int MaxSymbols = 100;
    private const double DropoutRate = 0.1;
    private const string Pieces = "embeddings.word_embeddings.weight";

    private readonly Dictionary<string, Tensor> _halves = [];

    /// <param name="labels">How many labels there are.</param>
    public ParserNet(int labels)
    {
        Labels = labels;
        foreach (var (name, (shape, values)) in PretrainedEncoder.Weights().Where(weight => !weight.Key.StartsWith("pooler", StringComparison.Ordinal)))
        {
            var weight = tensor(values).reshape(shape);
            Weights[name] = shape.Length == 2 && !name.StartsWith("embeddings", StringComparison.Ordinal) ? weight.t().contiguous() : weight;
        }

        Weights["dec.labels"] = randn(labels, Width) * 0.02;
        Weights["dec.positions"] = randn(MaxSymbols, Width) * 0.02;
        Weights["dec.pointed"] = randn(1, Width) * 0.02;
        AddLinear("dec.copy", Width, 2 * Width);
        for (var layer = 0; layer < DecoderLayers; layer++)
        {
            var name = $"dec.{layer}.";
            AddLinear(name + "qkv", 3 * Width, Width);
            AddLinear(name + "o", Width, Width);
            AddLinear(name + "cq", Width, Width);
            AddLinear(name + "ckv", 2 * Width, Width);
            AddLinear(name + "co", Width, Width);
            AddLinear(name + "up", DecoderHidden, Width);
            AddLinear(name + "down", Width, DecoderHidden);
            AddNorm(name + "n1");
            AddNorm(name + "n2");
            AddNorm(name + "n3");
        }

        AddNorm("dec.norm");
        AddLinear("dec.out", labels, Width);
        AddLinear("dec.query", Width, Width);
        AddLinear("dec.key", Width, 2 * Width);
    }

    public int Labels { get; }

    public Dictionary<string, Tensor> Weights { get; } = [];

    /// <summary>The weights that are trained: all but the vocabulary's, so that pieces which the rows lack stay in line with those that they hold.</summary>
    public IEnumerable<string> Trained => Weights.Keys.Where(name => name != Pieces);

    /// <summary>Takes over what the weights have become.</summary>
    public void Refresh()
    {
        using var none = no_grad();
        foreach (var (name, weight) in Weights.Where(weight => IsHalf(weight.Key)))
        {
            if (_halves.Remove(name, out var old))
            {
                old.Dispose();
            }

            _halves[name] = weight.to_type(ScalarType.BFloat16).DetachFromDisposeScope();
        }
    }

    /// <summary>The weights as leaves of a graph of one's own; they share the memory.</summary>
    /// <param name="trains">Whether gradients are wanted, and activations dropped.</param>
    public Pass Leaves(bool trains)
    {
        var leaves = new Dictionary<string, Tensor>();
        foreach (var (name, weight) in Weights)
        {
            var leaf = (IsHalf(name) ? _halves[name] : weight).detach();
            leaf.requires_grad = trains && name != Pieces;
            leaves[name] = leaf;
        }

        return new Pass(leaves, Labels, trains);
    }

    public void Save(string path, Symbols symbols)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write(string.Join(' ', symbols.Labels.Skip(2)));
        foreach (var (name, weight) in Weights)
        {
            writer.Write(name);
            writer.Write(MemoryMarshal.AsBytes<float>(weight.data<float>().ToArray()));
        }
    }

    public static (ParserNet Net, Symbols Symbols) Load(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        var symbols = new Symbols();
        symbols.Add(reader.ReadString().Split(' '));
        var net = new ParserNet(symbols.Count);
        foreach (var (name, weight) in net.Weights.ToArray())
        {
            var found = reader.ReadString();
            if (found != name)
            {
                throw new InvalidDataException($"{path}: holds {found}, expected {name}");
            }

            var values = new float[weight.numel()];
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            net.Weights[name] = tensor(values).reshape(weight.shape);
        }

        return (net, symbols);
    }

    /// <summary>Weights of products.</summary>
    private static bool IsHalf(string name) =>
        !name.StartsWith("embeddings", StringComparison.Ordinal) && !name.Contains("LayerNorm", StringComparison.Ordinal)
        && !name.Contains(".n", StringComparison.Ordinal) && name is not ("dec.labels" or "dec.positions" or "dec.pointed");

    private void AddLinear(string name, int outputs, int inputs) =>
        (Weights[name + ".weight"], Weights[name + ".bias"]) = (randn(outputs, inputs) * 0.02, zeros(outputs));

    private void AddNorm(string name) => (Weights[name + ".weight"], Weights[name + ".bias"]) = (ones(Width), zeros(Width));

    /// <summary>One pass over a batch.</summary>
    internal sealed class Pass(Dictionary<string, Tensor> weights, int labels, bool drops)
    {
        public Dictionary<string, Tensor> Weights => weights;

        /// <summary>Reads utterances.</summary>
        public Reading Read(ParseBatch batch)
        {
            var x = Rows(weights[Pieces], batch.Pieces) + weights["embeddings.position_embeddings.weight"].narrow(0, 0, batch.Pieces.shape[1])
                + weights["embeddings.token_type_embeddings.weight"][0];
            x = Drop(Norm("embeddings.LayerNorm", x));
            for (var layer = 0; layer < PretrainedEncoder.Layers; layer++)
            {
                var name = $"encoder.layer.{layer}.";
                Tensor Heads(string projection) => Split(Linear($"{name}attention.self.{projection}", x), PretrainedEncoder.Heads);
                var gathered = Join(Attend(Heads("query"), Heads("key"), Heads("value"), batch.PieceMask));
                x = Norm(name + "attention.output.LayerNorm", x + Drop(Linear(name + "attention.output.dense", gathered)));
                var hidden = F.gelu(Linear(name + "intermediate.dense", x));
                x = Norm(name + "output.LayerNorm", x + Drop(Linear(name + "output.dense", hidden)));
            }

            Tensor Gather(Tensor at) => x.gather(1, at.unsqueeze(2).expand(-1, -1, Width));
            var words = cat([Gather(batch.First), Gather(batch.Last)], 2);
            return new(
                [.. Enumerable.Range(0, DecoderLayers).Select(layer => Linear($"dec.{layer}.ckv", x).chunk(2, 2)).Select(pair => (Split(pair[0], DecoderHeads), Split(pair[1], DecoderHeads)))],
                batch.PieceMask,
                Linear("dec.copy", words).to_type(ScalarType.Float32),
                Linear("dec.key", words).transpose(1, 2),
                batch.WordMask);
        }

        /// <summary>What may follow after each of some symbols: [rows, symbols, labels + words], those of padding far below all others.</summary>
        /// <param name="reading">The utterances.</param>
        /// <param name="symbols">[rows, symbols]: the parse so far, or, with <paramref name="past"/>, its last symbol.</param>
        /// <param name="position">Of the first symbol.</param>
        /// <param name="past">Keys and values of the symbols before, by layer, to which those of these are added; null: there are none.</param>
        public Tensor Write(Reading reading, Tensor symbols, int position = 0, (Tensor Keys, Tensor Values)?[]? past = null)
        {
            var count = symbols.shape[1];
            var word = (symbols - Symbols.FirstWord).clamp(0, reading.Copied.shape[1] - 1);
            var pointed = reading.Copied.gather(1, word.unsqueeze(2).expand(-1, -1, Width)) + weights["dec.pointed"];
            var x = where(symbols.ge(Symbols.FirstWord).unsqueeze(2), pointed, Rows(weights["dec.labels"], symbols.clamp(0, labels - 1)));
            x = Drop(x + weights["dec.positions"].narrow(0, position, count));
            var causal = full([count, count], float.NegativeInfinity).triu(1);
            for (var layer = 0; layer < DecoderLayers; layer++)
            {
                var name = $"dec.{layer}.";
                var own = Linear(name + "qkv", Norm(name + "n1", x)).chunk(3, 2);
                var (keys, values) = (Split(own[1], DecoderHeads), Split(own[2], DecoderHeads));
                if (past is not null)
                {
                    (keys, values) = past[layer] is { } before ? (cat([before.Keys, keys], 2), cat([before.Values, values], 2)) : (keys, values);
                    past[layer] = (keys, values);
                }

                x += Drop(Linear(name + "o", Join(Attend(Split(own[0], DecoderHeads), keys, values, causal))));
                var (crossKeys, crossValues) = reading.Cross[layer];
                var query = Split(Linear(name + "cq", Norm(name + "n2", x)), DecoderHeads);
                x += Drop(Linear(name + "co", Join(Attend(query, crossKeys, crossValues, reading.PieceMask))));
                x += Drop(Linear(name + "down", F.gelu(Linear(name + "up", Norm(name + "n3", x)))));
            }

            x = Norm("dec.norm", x);
            var words = matmul(Linear("dec.query", x), reading.Keys).to_type(ScalarType.Float32) / Math.Sqrt(Width) + reading.WordMask;
            return cat([Linear("dec.out", x).to_type(ScalarType.Float32), words], 2);
        }

        private static Tensor Rows(Tensor table, Tensor ids) => table.index_select(0, ids.reshape(-1)).reshape(ids.shape[0], ids.shape[1], Width);

        private static Tensor Split(Tensor x, int heads) => x.view(x.shape[0], x.shape[1], heads, Width / heads).transpose(1, 2);

        private static Tensor Join(Tensor x) => x.transpose(1, 2).reshape(x.shape[0], x.shape[2], Width);

        private static Tensor Attend(Tensor query, Tensor keys, Tensor values, Tensor mask)
        {
            var scores = matmul(query, keys.transpose(-1, -2)).to_type(ScalarType.Float32) / Math.Sqrt(query.shape[3]) + mask;
            return matmul(scores.softmax(-1).to_type(values.dtype), values);
        }

        private Tensor Linear(string name, Tensor x) => F.linear(x.to_type(ScalarType.BFloat16), weights[name + ".weight"], weights[name + ".bias"]);

        private Tensor Norm(string name, Tensor x) => F.layer_norm(x, [Width], weights[name + ".weight"], weights[name + ".bias"], PretrainedEncoder.NormEpsilon);

        private Tensor Drop(Tensor x)
        {
            var kept = drops ? F.dropout(x, DropoutRate, training: true) : x;
            return kept.to_type(ScalarType.Float32);
        }
    }

    /// <summary>Utterances that have been read: what the decoder attends to and points at.</summary>
    /// <param name="Cross">Keys and values of the pieces, by layer, [rows, heads, pieces, width of a head].</param>
    /// <param name="PieceMask">[rows, 1, 1, pieces], minus infinity at padding.</param>
    /// <param name="Copied">What pointing at a word puts in, [rows, words, width].</param>
    /// <param name="Keys">What pointers are compared with, [rows, width, words].</param>
    /// <param name="WordMask">[rows, 1, words], far below zero at padding.</param>
    internal sealed record Reading((Tensor Keys, Tensor Values)[] Cross, Tensor PieceMask, Tensor Copied, Tensor Keys, Tensor WordMask)
    {
        /// <summary>Of some rows alone.</summary>
        public Reading Select(Tensor rows) => new(
            [.. Cross.Select(pair => (pair.Keys.index_select(0, rows), pair.Values.index_select(0, rows)))],
            PieceMask.index_select(0, rows),
            Copied.index_select(0, rows),
            Keys.index_select(0, rows),
            WordMask.index_select(0, rows));
    }
}
