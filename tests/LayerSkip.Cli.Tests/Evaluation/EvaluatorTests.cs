using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Cli.Tests.Evaluation;

public class EvaluatorTests
{
    private static readonly EvaluationRow[] s_rows =
    [
        Row("alarm", "Turn off alarms", "[IN:SILENCE_ALARM ]"),
        Row("reminder", "remind me to call mom at 5 pm", "[IN:CREATE_REMINDER [SL:PERSON_REMINDED me ] [SL:TODO call mom ] [SL:DATE_TIME at 5 pm ] ]"),
        Row("alarm", "Set an alarm for 7 am tomorrow", "[IN:CREATE_ALARM [SL:DATE_TIME for 8 am tomorrow ] ]"),
        new("file, line 1", "plain", "Turn off alarms", "[IN:SILENCE_ALARM ]"),
        new("file, line 2", "plain", "Turn off alarms", "something else"),
    ];

    [Fact]
    public void Rows_end_where_lines_do()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("layerskip-").FullName, "rows.jsonl");
        File.WriteAllText(path, "{\"prompt\": \"a\u2028b\", \"response\": \"c\u0085d\"}\r\n{\"prompt\": \"e\", \"response\": \"f\"}\n");

        Assert.Equal([("a\u2028b", "c\u0085d"), ("e", "f")], EvaluationFile.Read("--data", path).Select(row => (row.Prompt, row.Response)));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void Conversation_is_answered_up_to_its_last_message()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("layerskip-").FullName, "talk.jsonl");
        TemplateMessage[] asked =
            [new() { Role = "user", Content = "wake me" }, new() { Role = "assistant", Content = "when?" }, new() { Role = "user", Content = "at 7" }];
        var messages = string.Join(", ", asked.Select(message => $$"""{"role": "{{message.Role}}", "content": "{{message.Content}}"}"""));
        File.WriteAllText(path, $$"""{"messages": [{{messages}}, {"role": "assistant", "content": " done "}]}""" + "\n{\"messages\": []}\n");
        var encoder = new PromptEncoder(ChatTemplate.LoadFrom(Tool.Parser)!, LayerSkip.Engine.Tokenization.Tokenizer.Load(Tool.Parser));

        Assert.Contains("--data " + path + ", line 2: messages is []", Assert.Throws<UsageException>(() => EvaluationFile.Read("--data", path)).Message, StringComparison.Ordinal);
        var conversation = File.ReadLines(path).First();
        File.WriteAllText(path, conversation.Replace("{\"messages\"", "{\"response\": \"done\", \"messages\"", StringComparison.Ordinal));
        Assert.Contains(", line 1: messages stands beside prompt or response", Assert.Throws<UsageException>(() => EvaluationFile.Read("--data", path)).Message, StringComparison.Ordinal);
        File.WriteAllText(path, conversation);
        var row = Assert.Single(EvaluationFile.Read("--data", path));

        Assert.Equal(("talk", "wake me\nwhen?\nat 7", "done"), (row.Domain, row.Prompt, row.Response));
        Assert.Equal(encoder.Encode(asked), Assert.Single(new Evaluator([row], LayerSkip.Engine.Tokenization.Tokenizer.Load(Tool.Parser), encoder).Prompts));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void Scores_are_those_of_requests_of_their_own()
    {
        using var model = LayerSkipModel.Load(Tool.Parser);
        var evaluator = Create(model);

        var evaluations = evaluator.Evaluate(model, [2, 6], cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal([12, 2, 6], evaluations.Select(evaluation => evaluation.Layers));
        Assert.Equal([true, false, false], evaluations.Select(evaluation => evaluation.IsFullDepth));
        foreach (var evaluation in evaluations)
        {
            for (var row = 0; row < s_rows.Length; row++)
            {
                Assert.Equal(Generate(model, evaluator.Prompts[row], evaluation), evaluation.Answers[row].Tokens);
                var text = evaluator.Text(evaluation.Answers[row]);
                var isRight = s_rows[row].Frame is { } frame ? FrameTree.TryParse(text, out var tree) && tree.Equals(frame) : text == s_rows[row].Response;
                Assert.Equal(isRight ? 1 : 0, evaluation.Summarize(index => index == row).Overall.ExactMatches);
            }
        }

        // What the answers are is known: the third reference is wrong on purpose, and so is the last.
        var full = evaluations[0].Summary;
        Assert.Equal((5, 3), (full.Overall.Rows, full.Overall.ExactMatches));
        Assert.Equal((1 / 2.0, 1.0, 1 / 2.0), (full.Domains["alarm"].ExactMatch, full.Domains["reminder"].ExactMatch, full.Domains["plain"].ExactMatch));
        Assert.Equal(2 / 3.0, full.ExactMatch, 12);
        Assert.Equal((3, 3), (full.Overall.Frames.Rows, full.Overall.Frames.ValidTrees));
        Assert.Equal(1, full.Overall.Agreement);
        Assert.Equal(0, full.Overall.Unfinished);
    }

    [Fact]
    public void Answers_cut_short_are_counted()
    {
        using var model = LayerSkipModel.Load(Tool.Parser);

        var full = Create(model, new EvaluatorSettings { MaxTokens = 3 }).Evaluate(model, [], cancellationToken: TestContext.Current.CancellationToken)[0];

        Assert.Equal(2, full.Summary.Overall.Unfinished);
        Assert.All(full.Answers, answer => Assert.InRange(answer.Tokens.Count, 1, 3));
    }

    [Fact]
    public void Index_form_is_scored_as_the_decoupled_one()
    {
        using var model = LayerSkipModel.Load(Tool.Parser);

        // The model writes words, not positions: what it says is no index tree unless it has no slots.
        var full = Create(model, new EvaluatorSettings { Form = TargetForm.Index })
            .Evaluate(model, [], cancellationToken: TestContext.Current.CancellationToken)[0].Summary;

        Assert.Equal(1, full.Overall.Frames.ExactMatches);
        Assert.Equal(1, full.Overall.Frames.ValidTrees);
    }

    [Fact]
    public void Model_without_a_tokenizer_of_its_own_is_evaluated()
    {
        // As a training loop does: weights from memory, the tokenizer from elsewhere.
        using var parser = LayerSkipModel.Load(Tool.Parser);
        using var weights = new RandomWeightSource(TokenizedCheckpoint.Config, seed: 1);
        using var model = LayerSkipModel.FromWeights(
            "step 100", TokenizedCheckpoint.Config, weights, new GenerationDefaults { EndOfSequenceIds = [2303], MaxNewTokens = 5 });

        var evaluations = Create(parser).Evaluate(model, [1], cancellationToken: TestContext.Current.CancellationToken);

        Assert.All(evaluations, evaluation => Assert.Equal((0, 5), (evaluation.Summary.ExactMatch, evaluation.Summary.Overall.Rows)));
    }

    [Fact]
    public void Progress_grows_to_the_whole()
    {
        using var model = LayerSkipModel.Load(Tool.Parser);
        var progress = new Recorder();

        Create(model, new EvaluatorSettings { Concurrency = 2 }).Evaluate(model, [6, 3], progress, TestContext.Current.CancellationToken);

        Assert.Equal(progress.Values.Order(), progress.Values);
        Assert.Equal(1, progress.Values[^1], 12);
    }

    [Fact]
    public void Prompt_beyond_the_context_names_its_row()
    {
        using var model = LayerSkipModel.Load(Tool.Parser);
        EvaluationRow[] rows = [new("rows.jsonl, line 7", "x", string.Concat(Enumerable.Repeat("word ", 300)), "y")];
        var evaluator = new Evaluator(rows, model.Tokenizer, new PromptEncoder(ChatTemplate.Default, model.Tokenizer));

        Assert.Contains("rows.jsonl, line 7", Assert.Throws<UsageException>(() => evaluator.Evaluate(model, [])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => evaluator.Evaluate(model, [12]));
    }

    private sealed class Recorder : IProgress<double>
    {
        public List<double> Values { get; } = [];

        public void Report(double value) => Values.Add(value);
    }

    private static Evaluator Create(LayerSkipModel model, EvaluatorSettings? settings = null) =>
        new(s_rows, model.Tokenizer, new PromptEncoder(ChatTemplate.LoadFrom(Tool.Parser)!, model.Tokenizer), settings);

    private static EvaluationRow Row(string domain, string prompt, string frame) =>
        new("rows", domain, prompt, frame, FrameTree.Parse(frame));

    private static int[] Generate(LayerSkipModel model, int[] prompt, DepthEvaluation evaluation)
    {
        var options = evaluation.IsFullDepth
            ? new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 96 }
            : new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = evaluation.Layers, MaxNewTokens = 96 };
        using var generation = model.Generate(prompt, options);
        while (generation.NextRound(TestContext.Current.CancellationToken))
        {
        }

        return generation.Output.ToArray();
    }
}
