using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;
using LayerSkip.Parsing.Scoring;
using static TorchSharp.torch;

namespace LayerSkip.Recipes.Teacher;

/// <summary>Parses utterances, each with the likeliest symbol after the other.</summary>
internal sealed class Parser(ParserNet net, Symbols symbols)
{
    private const int BatchRows = 256;
    private const int MaxSymbols = 80;

    /// <summary>Parses rows on all processors, alike lengths together, and tells of each as it comes; null where what was written is no tree.</summary>
    public void Parse(IEnumerable<ParseRow> rows, Action<ParseRow, FrameTree?> tell)
    {
        net.Refresh();
        Parallel.ForEach(rows.OrderBy(row => row.Pieces.Length).Chunk(BatchRows), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, batch =>
        {
            foreach (var (row, written) in batch.Zip(Write(batch)))
            {
                FrameTree? tree = null;
                if (FrameTree.TryParse(symbols.Read(written), out var index))
                {
                    _ = IndexForm.TryToDecoupled(index, row.Words, out tree);
                }

                tell(row, tree);
            }
        });
    }

    /// <summary>Scores rows whose parse is known.</summary>
    public FrameReport Score(IEnumerable<ParseRow> rows)
    {
        var scorer = new FrameScorer();
        Parse(rows, (row, tree) =>
        {
            lock (scorer)
            {
                scorer.Add(row.Domain, tree, row.Gold!);
            }
        });
        return scorer.ToReport();
    }

    private List<int>[] Write(ParseRow[] rows)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var pass = net.Leaves(trains: false);
        var reading = pass.Read(new ParseBatch(rows));
        var written = Array.ConvertAll(rows, _ => new List<int>());
        var live = Enumerable.Range(0, rows.Length).ToArray();
        var last = new long[rows.Length];
        var past = new (Tensor Keys, Tensor Values)?[reading.Cross.Length];
        for (var position = 0; position < MaxSymbols && live.Length > 0; position++)
        {
            var logits = pass.Write(reading, tensor(last, [live.Length, 1]), position, past);
            var next = logits.select(1, 0).argmax(1).data<long>().Select(choice => choice < net.Labels ? choice : choice - net.Labels + Symbols.FirstWord).ToArray();
            var on = Enumerable.Range(0, live.Length).Where(row => next[row] != Symbols.End).ToArray();
            foreach (var row in on)
            {
                written[live[row]].Add((int)next[row]);
            }

            if (on.Length < live.Length && on.Length > 0)
            {
                var kept = tensor(Array.ConvertAll(on, row => (long)row));
                reading = reading.Select(kept);
                past = Array.ConvertAll(past, pair => ((Tensor, Tensor)?)(pair!.Value.Keys.index_select(0, kept), pair.Value.Values.index_select(0, kept)));
            }

            (last, live) = (Array.ConvertAll(on, row => next[row]), Array.ConvertAll(on, row => live[row]));
        }

        return written;
    }
}
