using System.Diagnostics;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;

namespace LayerSkip.Cli.Measurement;

/// <summary>Measures an engine that serves several requests at once, which share passes over the weights: what they all gain together.</summary>
/// <param name="model">The model.</param>
/// <param name="prompts">Token ids of the requests' prompts, used again and again where there are more requests; at least one.</param>
/// <param name="modes">How to decode.</param>
internal sealed class Throughput(LayerSkipModel model, IReadOnlyList<int[]> prompts, ModePair modes)
{
    private const double WarmUpSeconds = 1;

    /// <summary>Bytes that an engine for so many requests may use for their KV caches.</summary>
    public static long KvCacheBudget(LayerSkipModel model, int requests) => KvCacheBudgets.Of(model, Options(requests)).Total;

    /// <summary>Measures, after a warm-up. Runs go around all settings, in every other run backwards, so that a machine's slow minute falls on each of them.</summary>
    /// <param name="requests">Requests at once, ascending, at least one number; their KV caches have to fit into <see cref="KvCacheBudget"/>.</param>
    /// <param name="runs">Measured runs, at least one.</param>
    /// <param name="cancellationToken">Ends it between layers.</param>
    public IReadOnlyList<RequestsReport> Run(IReadOnlyList<int> requests, int runs, CancellationToken cancellationToken)
    {
        int[][] answers = [.. prompts.Take(requests[^1]).Select(prompt => AnswerAlone(prompt, cancellationToken))];
        var cells = requests.Select(count => (Autoregressive: new Cell(count, modes.Autoregressive), SelfSpeculative: new Cell(count, modes.SelfSpeculative))).ToArray();
        Cell[] around = [.. cells.SelectMany(pair => new[] { pair.Autoregressive, pair.SelfSpeculative })];

        using var engine = new LayerSkipEngine(model, ownsModel: false, Options(requests[^1]));
        WarmUp(engine, around, answers, cancellationToken);
        for (var run = 0; run < runs; run++)
        {
            foreach (var cell in around)
            {
                cell.TokensPerSecond.Add(Serve(engine, cell, answers, cancellationToken));
            }

            Array.Reverse(around);
        }

        return
        [
            .. cells.Select(pair => new RequestsReport(
                pair.Autoregressive.Requests, pair.Autoregressive.Report(cells[0].Autoregressive), pair.SelfSpeculative.Report(cells[0].SelfSpeculative))),
        ];
    }

    /// <summary>Until all code is compiled, and controllers know what steps cost.</summary>
    private void WarmUp(LayerSkipEngine engine, Cell[] cells, int[][] answers, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        do
        {
            foreach (var cell in cells)
            {
                Serve(engine, cell, answers, cancellationToken);
            }
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < WarmUpSeconds);
    }

    /// <summary>Serves a cell's requests at once, each with a consumer of its own.</summary>
    /// <returns>Their tokens a second.</returns>
    private double Serve(LayerSkipEngine engine, Cell cell, int[][] answers, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        TokenReader[] readers =
        [
            .. Enumerable.Range(0, cell.Requests).Select(request => engine.Generate(prompts[request % prompts.Count], cell.Options, cancellationToken)),
        ];
        var outputs = Task.WhenAll(readers.Select(ReadAsync)).GetAwaiter().GetResult();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        cell.Identical &= outputs.Index().All(output => output.Item.SequenceEqual(answers[output.Index % answers.Length]));
        return outputs.Sum(output => output.Count) / seconds;
    }

    private static async Task<List<int>> ReadAsync(TokenReader reader)
    {
        await using (reader.ConfigureAwait(false))
        {
            var tokens = new List<int>();
            while (await reader.WaitToReadAsync().ConfigureAwait(false))
            {
                tokens.AddRange(reader.Read());
            }

            return tokens;
        }
    }

    private int[] AnswerAlone(int[] prompt, CancellationToken cancellationToken)
    {
        using var generation = model.Generate(prompt, modes.Autoregressive);
        while (generation.NextRound(cancellationToken))
        {
        }

        return generation.Output.ToArray();
    }

    /// <summary>Nothing is reused, so that every request computes its prompt.</summary>
    private static EngineOptions Options(int requests) => new() { MaxConcurrentRequests = requests, IdleKvCacheBudget = 0 };

    /// <summary>So many requests, decoding so.</summary>
    private sealed class Cell(int requests, DecodingOptions options)
    {
        public int Requests => requests;

        public DecodingOptions Options => options;

        public List<double> TokensPerSecond { get; } = [];

        public bool Identical { get; set; } = true;

        public ThroughputReport Report(Cell fewest) => new(
            Spread.Of(TokensPerSecond), Spread.Of(TokensPerSecond.Zip(fewest.TokensPerSecond, (rate, least) => rate / least)).Median, Identical);
    }
}
