using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Evaluation;

/// <summary>
/// Decodes many prompts greedily. Every pass takes one row of each running sequence and the prompts of those that join, so that the weights are
/// read once for all of them. Rows are independent: each answer has the very tokens that a request of its own would get.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="concurrency">Most sequences at once, at least 1.</param>
internal sealed class BatchDecoder(LayerSkipModel model, int concurrency)
{
    /// <summary>Most prompt rows of a pass: enough for the matrix kernels to run at full speed.</summary>
    private const int PromptRows = 256;

    private readonly IDeviceModel _device = model.Steps;
    private readonly int[] _tokens = new int[concurrency];

    /// <summary>Decodes.</summary>
    /// <param name="prompts">Token ids, each prompt at least one and fewer than the model's context.</param>
    /// <param name="layers">Layers that decide a token: the model's depth, or fewer for early exit.</param>
    /// <param name="maxTokens">Most tokens of an answer, at least 1.</param>
    /// <param name="progress">Told the share of the prompts answered, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <returns>One answer for each prompt.</returns>
    /// <exception cref="CheckpointException">The model computes no finite numbers.</exception>
    public Answer[] Decode(
        IReadOnlyList<int[]> prompts, int layers, int maxTokens, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var answers = new Answer[prompts.Count];
        var running = new List<Sequence>();
        using var rows = _device.CreateRows(concurrency + PromptRows);
        try
        {
            for (int next = 0, done = 0; done < answers.Length;)
            {
                var joining = Join(prompts, ref next, running);
                Run(rows, running, joining, layers, cancellationToken);
                done += Collect(running, maxTokens, answers);
                progress?.Report((double)done / answers.Length);
            }
        }
        finally
        {
            foreach (var sequence in running)
            {
                sequence.Dispose();
            }
        }

        return answers;
    }

    /// <summary>Lets prompts join, as far as there is room in the next pass. They stand at the list's end.</summary>
    /// <returns>How many.</returns>
    private int Join(IReadOnlyList<int[]> prompts, ref int next, List<Sequence> running)
    {
        var before = running.Count;
        for (var room = PromptRows; running.Count < concurrency && next < prompts.Count; next++)
        {
            // A prompt longer than a pass is taken in pieces, and only its last piece shares a pass with others.
            room -= (prompts[next].Length - 1) % PromptRows;
            if (room < 0)
            {
                break;
            }

            running.Add(new Sequence(next, prompts[next], _device.CreateCache()));
        }

        return running.Count - before;
    }

    /// <summary>One token for each running sequence, in <see cref="_tokens"/>.</summary>
    private void Run(RowBuffer rows, List<Sequence> running, int joining, int layers, CancellationToken cancellationToken)
    {
        // The rows that decide stand first, one a sequence, so that the head takes them together; the prompts' other rows follow.
        var end = running.Count;
        foreach (var sequence in running[^joining..])
        {
            var last = sequence.Prompt.Length - 1;
            for (; last - sequence.Cache.Length >= PromptRows; sequence.Cache.Length += PromptRows)
            {
                Place(rows, 0, sequence, PromptRows);
                _device.RunLayers(rows, 0, PromptRows, 0, layers, cancellationToken);
            }
        }

        foreach (var sequence in running[^joining..])
        {
            var count = sequence.Prompt.Length - 1 - sequence.Cache.Length;
            Place(rows, end, sequence, count);
            end += count;
        }

        for (var i = 0; i < running.Count; i++)
        {
            rows.Place(i, 1, running[i].Cache, running[i].Position);
            _tokens[i] = running[i].Last;
        }

        _device.Embed(rows, 0, _tokens.AsSpan(0, running.Count));
        _device.RunLayers(rows, 0, end, 0, layers, cancellationToken);
        _device.ArgMax(rows, 0, _tokens.AsSpan(0, running.Count));
    }

    private void Place(RowBuffer rows, int slot, Sequence sequence, int count)
    {
        var start = sequence.Cache.Length;
        rows.Place(slot, count, sequence.Cache, start);
        _device.Embed(rows, slot, sequence.Prompt.AsSpan(start, count));
    }

    /// <summary>Gives each running sequence its token, and takes out those that have ended.</summary>
    /// <returns>How many have.</returns>
    private int Collect(List<Sequence> running, int maxTokens, Answer[] answers)
    {
        var ended = 0;
        for (var i = running.Count - 1; i >= 0; i--)
        {
            var sequence = running[i];
            if (_tokens[i] < 0)
            {
                throw new CheckpointException($"{model.Name}: every logit is NaN, expected finite numbers: the weights are damaged");
            }

            sequence.Cache.Length = sequence.Position + 1;
            sequence.Output.Add(_tokens[i]);
            var isFinished = model.Defaults.EndOfSequenceIds.Contains(_tokens[i]);
            if (isFinished || sequence.Output.Count == maxTokens || sequence.Position + 1 == model.Config.MaxPositions)
            {
                answers[sequence.Index] = new Answer([.. sequence.Output], isFinished);
                sequence.Dispose();
                running.RemoveAt(i);
                ended++;
            }
        }

        return ended;
    }

    private sealed class Sequence(int index, int[] prompt, KvCache cache) : IDisposable
    {
        public int Index => index;

        public int[] Prompt => prompt;

        public KvCache Cache => cache;

        public List<int> Output { get; } = [];

        /// <summary>The token that the next one follows.</summary>
        public int Last => Output.Count > 0 ? Output[^1] : prompt[^1];

        /// <summary>Its position.</summary>
        public int Position => prompt.Length - 1 + Output.Count;

        public void Dispose() => cache.Dispose();
    }
}
