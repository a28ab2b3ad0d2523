using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Cli.Evaluation;

/// <summary>
/// Decodes many prompts. Every pass takes one row of each running sequence and the prompts of those that join, so that the weights are read
/// once for all of them. Rows are independent: each answer has the very tokens that a request of its own would get.
/// </summary>
/// <param name="models">The models that choose each token together, at least one, all of one vocabulary; stop tokens are the first one's, and the shortest context bounds all.</param>
/// <param name="choice">How they choose; null: a single model's most likely token.</param>
/// <param name="concurrency">Most sequences at once, at least 1.</param>
internal sealed class BatchDecoder(IReadOnlyList<LayerSkipModel> models, TokenChoice? choice, int concurrency)
{
    /// <summary>Most prompt rows of a pass: enough for the matrix kernels to run at full speed.</summary>
    private const int PromptRows = 256;

    private readonly LayerSkipModel _model = models[0];
    private readonly int _maxPositions = models.Min(model => model.Config.MaxPositions);
    private readonly int[] _tokens = new int[concurrency];
    private readonly int[] _sequences = new int[concurrency];
    private readonly int[] _positions = new int[concurrency];
    private float[] _logits = [];

    /// <summary>Decodes greedily with one model.</summary>
    public BatchDecoder(LayerSkipModel model, int concurrency)
        : this([model], null, concurrency)
    {
    }

    /// <summary>Decodes.</summary>
    /// <param name="prompts">Token ids, each prompt at least one and fewer than the model's context.</param>
    /// <param name="layers">Layers that decide a token; null: each model's depth.</param>
    /// <param name="maxTokens">Most tokens of an answer, at least 1.</param>
    /// <param name="progress">Told the share of the prompts answered, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <param name="constrain">What a prompt's answer may be, by the prompt's index, where a single model takes its most likely tokens; null: anything.</param>
    /// <returns>One answer for each prompt.</returns>
    /// <exception cref="CheckpointException">The model computes no finite numbers.</exception>
    /// <exception cref="InvalidOperationException">A constraint leaves no token, or takes too much to tell what may come.</exception>
    public Answer[] Decode(
        IReadOnlyList<int[]> prompts,
        int? layers,
        int maxTokens,
        IProgress<double>? progress,
        CancellationToken cancellationToken,
        Func<int, TokenConstraint?>? constrain = null)
    {
        if (constrain is not null && choice is not null)
        {
            throw new ArgumentException("Answers are constrained where a model chooses its most likely tokens alone.", nameof(constrain));
        }

        var answers = new Answer[prompts.Count];
        var running = new List<Sequence>();
        var rows = new List<RowBuffer>();
        try
        {
            foreach (var model in models)
            {
                rows.Add(model.Steps.CreateRows(concurrency + PromptRows));
            }

            for (int next = 0, done = 0; done < answers.Length;)
            {
                var joining = Join(prompts, ref next, running, constrain);
                Run(rows, running, joining, layers, cancellationToken);
                Hold(rows[0], running, maxTokens);
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

            foreach (var buffer in rows)
            {
                buffer.Dispose();
            }
        }

        return answers;
    }

    /// <summary>Lets prompts join, as far as there is room in the next pass. They stand at the list's end.</summary>
    /// <returns>How many.</returns>
    private int Join(IReadOnlyList<int[]> prompts, ref int next, List<Sequence> running, Func<int, TokenConstraint?>? constrain)
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

            var sequence = new Sequence(next, prompts[next])
            {
                Constraint = constrain?.Invoke(next) is { } constraint ? new ConstraintTrace(constraint, [.. _model.Defaults.EndOfSequenceIds]) : null,
            };
            running.Add(sequence);
            sequence.Caches.AddRange(models.Select(model => model.Steps.CreateCache()));
        }

        return running.Count - before;
    }

    /// <summary>One token for each running sequence, in <see cref="_tokens"/>.</summary>
    private void Run(List<RowBuffer> rows, List<Sequence> running, int joining, int? layers, CancellationToken cancellationToken)
    {
        for (var i = 0; i < models.Count; i++)
        {
            Run(i, rows[i], running, joining, layers ?? models[i].Config.Layers, cancellationToken);
        }

        var tokens = _tokens.AsSpan(0, running.Count);
        if (choice is null)
        {
            _model.Steps.ArgMax(rows[0], 0, tokens);
            return;
        }

        for (var i = 0; i < running.Count; i++)
        {
            (_sequences[i], _positions[i]) = (running[i].Index, running[i].Position);
        }

        choice.Choose(models, rows, _sequences, _positions, tokens);
    }

    /// <summary>A pass of one of the models.</summary>
    private void Run(int index, RowBuffer rows, List<Sequence> running, int joining, int layers, CancellationToken cancellationToken)
    {
        // The rows that decide stand first, one a sequence, so that the head takes them together; the prompts' other rows follow.
        var device = models[index].Steps;
        var end = running.Count;
        foreach (var sequence in running[^joining..])
        {
            var cache = sequence.Caches[index];
            var last = sequence.Prompt.Length - 1;
            for (; last - cache.Length >= PromptRows; cache.Length += PromptRows)
            {
                Place(device, rows, 0, sequence, cache, PromptRows);
                device.RunLayers(rows, 0, PromptRows, 0, layers, cancellationToken);
            }
        }

        foreach (var sequence in running[^joining..])
        {
            var cache = sequence.Caches[index];
            var count = sequence.Prompt.Length - 1 - cache.Length;
            Place(device, rows, end, sequence, cache, count);
            end += count;
        }

        for (var i = 0; i < running.Count; i++)
        {
            rows.Place(i, 1, running[i].Caches[index], running[i].Position);
            _tokens[i] = running[i].Last;
        }

        device.Embed(rows, 0, _tokens.AsSpan(0, running.Count));
        device.RunLayers(rows, 0, end, 0, layers, cancellationToken);
    }

    private static void Place(IDeviceModel device, RowBuffer rows, int slot, Sequence sequence, KvCache cache, int count)
    {
        var start = cache.Length;
        rows.Place(slot, count, cache, start);
        device.Embed(rows, slot, sequence.Prompt.AsSpan(start, count));
    }

    /// <summary>Replaces the tokens that their sequences may not go on with by the likeliest that they may.</summary>
    private void Hold(RowBuffer rows, List<Sequence> running, int maxTokens)
    {
        for (var i = 0; i < running.Count; i++)
        {
            if (running[i].Constraint is not { } constraint)
            {
                continue;
            }

            constraint.BeginRound(Math.Min(maxTokens - running[i].Output.Count, _maxPositions - 1 - running[i].Position));
            if (constraint.Forced(0) is { } forced)
            {
                _tokens[i] = forced;
            }
            else if (_tokens[i] >= 0 && !constraint.Allows(0, _tokens[i]))
            {
                Array.Resize(ref _logits, _model.Config.VocabularySize);
                _model.Steps.Logits(rows, i, 1, _logits);
                constraint.Mask(0, _logits);
                _tokens[i] = ArgMax.Of(_logits);
                if (float.IsNegativeInfinity(_logits[_tokens[i]]))
                {
                    throw constraint.NoTokenLeft(0);
                }
            }
        }
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
                throw CheckpointException.NoLogit(_model.Name);
            }

            foreach (var cache in sequence.Caches)
            {
                cache.Length = sequence.Position + 1;
            }

            sequence.Output.Add(_tokens[i]);
            sequence.Constraint?.Accept(0, _tokens[i]);
            var isComplete = _model.Defaults.EndOfSequenceIds.Contains(_tokens[i]) || sequence.Constraint?.IsComplete(0) == true;
            if (isComplete || sequence.Output.Count == maxTokens || sequence.Position + 1 == _maxPositions)
            {
                answers[sequence.Index] = new Answer([.. sequence.Output], isComplete && sequence.Constraint?.IsCurtailed != true);
                sequence.Dispose();
                running.RemoveAt(i);
                ended++;
            }
        }

        return ended;
    }

    private sealed class Sequence(int index, int[] prompt) : IDisposable
    {
        public int Index => index;

        public int[] Prompt => prompt;

        /// <summary>What it may be; null: anything.</summary>
        public ConstraintTrace? Constraint { get; init; }

        /// <summary>One for each model.</summary>
        public List<KvCache> Caches { get; } = [];

        public List<int> Output { get; } = [];

        /// <summary>The token that the next one follows.</summary>
        public int Last => Output.Count > 0 ? Output[^1] : prompt[^1];

        /// <summary>Its position.</summary>
        public int Position => prompt.Length - 1 + Output.Count;

        public void Dispose()
        {
            foreach (var cache in Caches)
            {
                cache.Dispose();
            }
        }
    }
}
