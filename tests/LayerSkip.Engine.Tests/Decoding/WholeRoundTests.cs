using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Rounds that a device runs as a whole, without a look at a constraint, bring the tokens of rounds step by step.</summary>
public sealed class WholeRoundTests : IDisposable
{
    private static readonly string s_directory = Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");

    private readonly Checkpoint _checkpoint = Checkpoint.Open(s_directory);
    private readonly IDeviceModel _model;
    private readonly Tokenizer _tokenizer = Tokenizer.Load(s_directory);

    public WholeRoundTests() =>
        _model = TestedDevice.Load(_checkpoint.Config, _checkpoint.Weights, WeightFormat.Auto, threads: 1, [.. _checkpoint.Generation.DraftVocabulary]);

    public void Dispose()
    {
        _model.Dispose();
        _checkpoint.Dispose();
    }

    [Fact]
    public void Under_a_constraint_they_bring_what_rounds_step_by_step_bring_whoever_cancels_them()
    {
        var random = new Random(31);
        var whole = new WholeRounds(_model);
        var (complete, curtailed, banned, cancelled) = (0, 0, 0, 0);
        for (var i = 0; i < TestedDevice.Many(160, few: 6); i++)
        {
            var (utterance, language) = Case(random, i % 5);
            var prompt = _tokenizer.Encode($"<|begin|><|user|> {utterance}<|assistant|>");

            // The end token, none, or a word as well.
            int[] stops = random.Next(4) switch { 0 => [], 1 => [.. _checkpoint.Generation.EndOfSequenceIds, _tokenizer.Encode(" me", addSpecialTokens: false)[0]], _ => [.. _checkpoint.Generation.EndOfSequenceIds] };
            var limit = random.Next(1, 30);
            var options = random.Next(4) == 0 ? Models.Autoregressive(limit) : Models.Speculative(random.Next(1, 12), random.Next(1, 12), limit) with
            {
                DraftController = random.Next(4) switch { 0 => DraftController.Fsm, 1 => DraftController.Confidence, 2 => DraftController.Adaptive, _ => DraftController.Fixed },
            };

            using var expected = Run(_model, prompt, Models.Autoregressive(limit) with { Constraint = language() }, stops);
            whole.AfterRound = null;
            using var actual = Run(whole, prompt, options with { Constraint = language() }, stops);
            AssertSame(expected, actual);
            Assert.Equal(actual.Statistics.Rounds, actual.Statistics.DraftedPerRound.Sum());
            Assert.Equal(actual.Statistics.Rounds, actual.Statistics.AcceptedPerRound.Sum());

            // Cancelled behind a round, before anything of it has been accepted, it is run again.
            CancellationTokenSource? source = null;
            whole.AfterRound = () =>
            {
                if (random.Next(3) == 0)
                {
                    cancelled++;
                    source!.Cancel();
                }
            };
            using var again = Run(whole, prompt, options with { Constraint = language() }, stops, () => (source = new()).Token);
            AssertSame(expected, again);
            complete += expected.FinishReason == FinishReason.Complete ? 1 : 0;
            curtailed += expected.CurtailedAt is null ? 0 : 1;
            banned += options.Mode == DecodingMode.Autoregressive && actual.Statistics.Rounds > actual.Output.Length ? 1 : 0;
        }

        Assert.True(whole.Count > TestedDevice.Many(500, few: 10), $"{whole.Count} rounds were run whole");
        Assert.True(complete > TestedDevice.Many(20, few: 0) && curtailed > TestedDevice.Many(20, few: 0) && banned > TestedDevice.Many(5, few: -1), $"{complete} outputs were complete, {curtailed} curtailed, {banned} banned");
        Assert.True(cancelled > TestedDevice.Many(100, few: 0), $"{cancelled} rounds were cancelled");
    }

    [Fact]
    public void As_long_as_nothing_is_banned_there_is_a_round_a_token()
    {
        var whole = new WholeRounds(_model);
        var constraint = new TokenConstraint(new Grammar().Text(), _tokenizer) { TakesCertainText = false };
        var prompt = _tokenizer.Encode("<|begin|><|user|> wake me at 7<|assistant|>");

        using var plain = Run(whole, prompt, Models.Autoregressive(20) with { Constraint = constraint }, [.. _checkpoint.Generation.EndOfSequenceIds]);

        Assert.Equal((plain.Output.Length, plain.Output.Length), (whole.Count, plain.Statistics.Rounds));
        Assert.Equal(FinishReason.Stop, plain.FinishReason);
    }

    private static void AssertSame(Generation expected, Generation actual)
    {
        Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
        Assert.Equal((expected.FinishReason, expected.CurtailedAt), (actual.FinishReason, actual.CurtailedAt));
    }

    private static Generation Run(IDeviceModel model, int[] prompt, DecodingOptions options, int[] stops, Func<CancellationToken>? cancellation = null)
    {
        var generation = new Generation(model, prompt, DecodingPlan.Create(options, model.Config, new() { EndOfSequenceIds = stops }));
        for (var goesOn = true; goesOn;)
        {
            var length = generation.Output.Length;
            try
            {
                goesOn = generation.NextRound(cancellation?.Invoke() ?? default);
                Assert.Equal(generation.Output.Length - length, generation.RoundTokens.Length);
                Assert.True(!goesOn || generation.Cache.Length == generation.Tokens.Length - 1);
            }
            catch (OperationCanceledException)
            {
                Assert.Equal(length, generation.Output.Length);
            }
        }

        return generation;
    }

    /// <summary>What is said, and a language that the parser keeps to, or does not: it is made anew for each output, so that none knows another's masks.</summary>
    private (string Utterance, Func<TokenConstraint> Language) Case(Random random, int kind)
    {
        string[] utterances = ["call mom", "wake me at 5", "remind me to buy milk at 6 pm", "will it rain in Rome on Friday"];
        var (utterance, letter) = (utterances[random.Next(utterances.Length)], (char)('A' + random.Next(26)));
        return (utterance, () =>
        {
            var grammar = new Grammar();
            var language = kind switch
            {
                // One of a few frames, behind which there is nothing more, whatever the parser would still say.
                0 => grammar.OneOf([" [IN:CREATE_ALARM [SL:DATE_TIME at 5 ] ]", " [IN:CREATE_CALL [SL:CONTACT mom ] ]", " [IN:GET_WEATHER ]"]),
                1 => grammar.Automaton(new Brackets(0)),
                2 => grammar.TextWithout(letter.ToString()),
                3 => grammar.Sequence(grammar.Text(), grammar.Literal("; that is all!")),
                _ => grammar.Repeat(grammar.Sequence(grammar.OneOf([" [IN:", "[", " [SL:"]), grammar.TextUntil("]")), 1, 5),
            };
            return new TokenConstraint(language, _tokenizer) { TakesCertainText = false };
        });
    }

    /// <summary>Any text whose brackets close, ending with the last of them.</summary>
    private sealed record Brackets(int Open, bool HasBegun = false) : TextState
    {
        public override int MinBytes => HasBegun ? Open : 2;

        public override ByteSet NextBytes => HasBegun && Open == 0 ? ByteSet.None
            : Open == 0 ? ByteSet.Of(" [")
            : ByteSet.Range(' ', '~');

        public override TextState After(byte value) => value switch
        {
            (byte)'[' => new Brackets(Open + 1, true),
            (byte)']' => new Brackets(Open - 1, true),
            _ => this,
        };
    }
}
