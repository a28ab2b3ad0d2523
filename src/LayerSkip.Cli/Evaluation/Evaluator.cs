using System.Diagnostics;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Grounding;
using LayerSkip.Parsing.Scoring;

namespace LayerSkip.Cli.Evaluation;

/// <summary>
/// Has a model answer rows greedily and scores the answers. Rows are encoded once; then any number of models of the same tokenizer can be
/// evaluated, such as a model in training every few steps.
/// </summary>
internal sealed class Evaluator
{
    private readonly Tokenizer _tokenizer;
    private readonly EvaluatorSettings _settings;
    private readonly int[][] _prompts;

    /// <summary>Encodes the rows.</summary>
    /// <param name="rows">At least one.</param>
    /// <param name="tokenizer">The tokenizer of the models to evaluate.</param>
    /// <param name="prompt">Renders a row's conversation, or its prompt as a user's message.</param>
    /// <param name="settings">How to evaluate; null: the defaults.</param>
    /// <exception cref="ChatTemplateException">The template fails.</exception>
    public Evaluator(IReadOnlyList<EvaluationRow> rows, Tokenizer tokenizer, PromptEncoder prompt, EvaluatorSettings? settings = null)
    {
        Rows = rows;
        _tokenizer = tokenizer;
        _settings = settings ?? new();
        _prompts = [.. rows.Select(row => prompt.Encode(row.Conversation ?? [new TemplateMessage { Role = "user", Content = row.Prompt }], row.Tools))];
    }

    /// <summary>The rows to evaluate on.</summary>
    public IReadOnlyList<EvaluationRow> Rows { get; }

    /// <summary>Token ids of each row's prompt.</summary>
    public IReadOnlyList<int[]> Prompts => _prompts;

    /// <summary>Most tokens of a model's answer.</summary>
    public int MaxTokens(LayerSkipModel model) => _settings.MaxTokens ?? model.Defaults.MaxNewTokens ?? EvaluatorSettings.DefaultMaxTokens;

    /// <summary>Evaluates a model at full depth and at exit layers.</summary>
    /// <param name="model">The model. It needs no tokenizer, but its defaults must name the end-of-sequence ids.</param>
    /// <param name="exits">Exit layers, each in 1 .. L - 1; answers from them are lossy.</param>
    /// <param name="progress">Told the share of the work done, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <returns>Full depth, then the exits in the order given.</returns>
    /// <exception cref="UsageException">A prompt is empty or does not fit into the model's context; the message names its row.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An exit layer is outside its range.</exception>
    /// <exception cref="CheckpointException">The model computes no finite numbers.</exception>
    public IReadOnlyList<DepthEvaluation> Evaluate(
        LayerSkipModel model, IReadOnlyList<int> exits, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        foreach (var exit in exits)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(exit, 1, nameof(exits));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(exit, model.Config.Layers, nameof(exits));
        }

        Check(model.Config.MaxPositions);
        var decoder = new BatchDecoder(model, _settings.Concurrency);
        var evaluations = new List<DepthEvaluation>();
        var share = new DepthProgress(progress, [model.Config.Layers, .. exits]);
        foreach (var layers in (int[])[model.Config.Layers, .. exits])
        {
            var start = Stopwatch.GetTimestamp();
            var answers = decoder.Decode(_prompts, layers, MaxTokens(model), share, cancellationToken, Constrain);
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            var full = evaluations.Count == 0 ? answers : evaluations[0].Answers;
            var scores = answers.Select((answer, row) => Score(row, answer, full[row])).ToArray();
            evaluations.Add(new DepthEvaluation(layers, evaluations.Count == 0, Rows, answers, scores, seconds));
            share.Next();
        }

        return evaluations;
    }

    /// <summary>An answer's text, without control tokens and without white space around it.</summary>
    public string Text(Answer answer) => _tokenizer.Decode([.. answer.Tokens]).Trim();

    /// <summary>What a row's answer may be; null: anything.</summary>
    public TokenConstraint? Constrain(int row) =>
        _settings.IsGrounded && Rows[row].Frame is not null ? GroundedFrames.Constrain(Rows[row].Prompt, _tokenizer) : null;

    /// <summary>Checks that a model can read all prompts.</summary>
    /// <param name="context">The model's context, in tokens.</param>
    /// <exception cref="UsageException">A prompt is empty or does not fit into the context; the message names its row.</exception>
    public void Check(int context)
    {
        for (var row = 0; row < _prompts.Length; row++)
        {
            if (!Fits(row, context))
            {
                throw new UsageException(
                    $"{Rows[row].Source}: the prompt has {_prompts[row].Length} tokens, expected at least 1 and fewer than the model's context of {context}");
            }
        }
    }

    /// <summary>Whether a model of that context can read a row's prompt and answer it.</summary>
    public bool Fits(int row, int context) => _prompts[row].Length > 0 && _prompts[row].Length < context;

    private AnswerScores Score(int index, Answer answer, Answer full)
    {
        var row = Rows[index];
        var text = Text(answer);
        var frames = row.Frame is { } frame ? FrameScores.Of(FrameReader.Read(text, _settings.Form, row.Prompt), frame) : FrameScores.None;
        return new AnswerScores
        {
            Rows = 1,
            ExactMatches = row.Frame is null ? (text == row.Response ? 1 : 0) : frames.ExactMatches,
            SameAsFullDepth = answer.Tokens.SequenceEqual(full.Tokens) ? 1 : 0,
            Unfinished = answer.IsFinished ? 0 : 1,
            Frames = frames,
        };
    }

    /// <summary>Puts the depths' own progress together; a depth weighs as much as it has layers.</summary>
    private sealed class DepthProgress(IProgress<double>? progress, int[] depths) : IProgress<double>
    {
        private int _depth;
        private int _done;

        public void Report(double value) => progress?.Report((_done + (value * depths[_depth])) / depths.Sum());

        public void Next() => _done += depths[_depth++];
    }
}
