using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace LayerSkip.Recipes.Teacher;

/// <summary>Trains the encoder and the decoder together: AdamW, warm-up, then down to a fiftieth in a straight line. The encoder, which knows much already, learns more slowly.</summary>
/// <param name="net">The network.</param>
/// <param name="rows">Rows with their parse.</param>
/// <param name="epochs">How often each is seen.</param>
/// <param name="seed">Of the rows' order.</param>
internal sealed class Trainer(ParserNet net, IReadOnlyList<ParseRow> rows, int epochs, int seed)
{
    private const int BatchRows = 128;
    private const int WarmUp = 400;
    private const double EncoderRate = 3e-4;
    private const double DecoderRate = 1e-3;
    private const double Momentum = 0.9;
    private const double Variance = 0.98;
    private const double Epsilon = 1e-6;
    private const double Decay = 0.01;
    private const double MaxNorm = 1;
    private const double Smoothing = 0.1;

    private readonly string[] _names = [.. net.Trained];
    private readonly Dictionary<string, (Tensor First, Tensor Second)> _moments = net.Trained.ToDictionary(name => name, name => (zeros_like(net.Weights[name]), zeros_like(net.Weights[name])));
    private readonly int _threads = Environment.ProcessorCount;

    /// <summary>Trains.</summary>
    /// <param name="tell">Told, now and then, the step, how many there are, the mean loss since, and minutes left.</param>
    /// <param name="epochEnds">Called after each epoch.</param>
    public void Run(Action<int, int, double, double> tell, Action<int> epochEnds)
    {
        var random = new Random(seed);
        var stepsAnEpoch = (rows.Count + BatchRows - 1) / BatchRows;
        var (steps, step, loss, clock) = (epochs * stepsAnEpoch, 0, 0.0, Stopwatch.StartNew());
        for (var epoch = 1; epoch <= epochs; epoch++)
        {
            foreach (var batch in Batches(random))
            {
                loss += Step(batch, ++step, Rate(step, steps));
                if (step % 100 == 0)
                {
                    tell(step, steps, loss / 100, clock.Elapsed.TotalMinutes / step * (steps - step));
                    loss = 0;
                }
            }

            epochEnds(epoch);
        }
    }

    private static double Rate(int step, int steps) => step < WarmUp ? (double)step / WarmUp : 0.02 + (0.98 * (steps - step) / Math.Max(1, steps - WarmUp));

    /// <summary>All rows in an order of their own, alike lengths together so that there is little padding.</summary>
    private ParseRow[][] Batches(Random random)
    {
        var order = rows.ToArray();
        random.Shuffle(order);
        var batches = order.Chunk(50 * BatchRows).SelectMany(part => part.OrderBy(row => row.Pieces.Length + (0.7 * row.Target.Length)).Chunk(BatchRows)).ToArray();
        random.Shuffle(batches);
        return batches;
    }

    private double Step(ParseRow[] batch, int step, double rate)
    {
        net.Refresh();
        var parts = Enumerable.Range(0, Math.Min(_threads, batch.Length)).Select(part => batch.Where((_, row) => row % _threads == part).ToArray()).ToArray();
        var symbols = batch.Sum(row => row.Target.Length);
        var losses = new double[parts.Length];
        var gradients = new Dictionary<string, Tensor>[parts.Length];
        Each(parts.Length, part => (losses[part], gradients[part]) = Differentiate(parts[part], symbols));

        var squares = new double[_names.Length];
        Each(_names.Length, name =>
        {
            var sum = gradients[0][_names[name]];
            foreach (var other in gradients.Skip(1))
            {
                sum.add_(other[_names[name]]);
                other[_names[name]].Dispose();
            }

            squares[name] = sum.pow(2).sum().ToDouble();
        });
        var clip = Math.Min(1, MaxNorm / (Math.Sqrt(squares.Sum()) + Epsilon));
        Each(_names.Length, name => Update(_names[name], gradients[0][_names[name]].mul_(clip), step, rate));
        return losses.Sum();
    }

    /// <summary>Loss and gradients of a part of a batch of so many symbols.</summary>
    private (double Loss, Dictionary<string, Tensor> Gradients) Differentiate(ParseRow[] part, int symbols)
    {
        using var scope = NewDisposeScope();
        var pass = net.Leaves(trains: true);
        var batch = new ParseBatch(part);
        var target = batch.Pad(row => row.Target, other: -1);
        var input = batch.Pad(row => [Symbols.Begin, .. row.Target[..^1]]);
        var logits = pass.Write(pass.Read(batch), input).log_softmax(-1);
        var column = where(target.ge(Symbols.FirstWord), target - Symbols.FirstWord + net.Labels, target);
        var counts = target.ge(0).to_type(ScalarType.Float32) / symbols;
        var right = -(logits.gather(2, column.clamp(0).unsqueeze(2)).squeeze(2) * counts).sum();

        // Label smoothing over what a row can say: all labels, and its own words.
        var possible = cat([ones(part.Length, 1, net.Labels), batch.WordMask.eq(0).to_type(ScalarType.Float32)], 2);
        var any = -((where(possible.gt(0), logits, zeros_like(logits)).sum(2) / possible.sum(2)) * counts).sum();
        ((right * (1 - Smoothing)) + (any * Smoothing)).backward();
        return (right.ToDouble(), _names.ToDictionary(name => name, name => pass.Weights[name].grad!.to_type(ScalarType.Float32).DetachFromDisposeScope()));
    }

    private void Update(string name, Tensor gradient, int step, double rate)
    {
        var weight = net.Weights[name];
        var (first, second) = _moments[name];
        rate *= name.StartsWith("dec", StringComparison.Ordinal) ? DecoderRate : EncoderRate;
        first.mul_(Momentum).add_(gradient, 1 - Momentum);
        second.mul_(Variance).addcmul_(gradient, gradient, 1 - Variance);
        if (weight.dim() == 2 && !name.StartsWith("embeddings", StringComparison.Ordinal))
        {
            weight.mul_(1 - (rate * Decay));
        }

        var deviation = second.sqrt().div_(Math.Sqrt(1 - Math.Pow(Variance, step))).add_(Epsilon);
        weight.addcdiv_(first, deviation, -rate / (1 - Math.Pow(Momentum, step)));
        gradient.Dispose();
    }

    private void Each(int count, Action<int> action) => Parallel.For(0, _threads, new ParallelOptions { MaxDegreeOfParallelism = _threads }, thread =>
    {
        for (var i = thread; i < count; i += _threads)
        {
            using var scope = NewDisposeScope();
            action(i);
        }
    });
}
