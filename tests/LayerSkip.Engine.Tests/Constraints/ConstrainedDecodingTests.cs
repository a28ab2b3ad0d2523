using System.Text.RegularExpressions;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Constraints;

/// <summary>Constrained output is of its language, the same with and without drafts, whatever the model.</summary>
public sealed class ConstrainedDecodingTests : IDisposable
{
    private const int EndOfSequence = 2303;

    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));

    private readonly IDeviceModel _model = Models.Random(TinyCheckpoint.DefaultConfig with { VocabularySize = 2400, MaxPositions = 400 }, seed: 3);

    public void Dispose() => _model.Dispose();

    public static TheoryData<string> Languages => [.. s_languages.Keys];

    private static readonly Dictionary<string, (Func<Grammar, GrammarNode> Build, string Pattern)> s_languages = new()
    {
        ["literal"] = (g => g.Literal("the whole answer, word for word: é€😀"), "the whole answer, word for word: é€😀"),
        ["one of"] = (g => g.OneOf(["red", "reddish", "green", "rot"]), "red|reddish|green|rot"),
        ["sequence"] = (g => g.Sequence(g.Literal("a="), g.OneOf(["1", "22"]), g.Optional(g.Literal(";")), g.Literal("!")), "a=(1|22);?!"),
        ["repeat"] = (g => g.Repeat(g.Sequence(g.OneOf(["x", "yy", "xz"]), g.Literal(",")), 3, 7), "((x|yy|xz),){3,7}"),
        ["overlapping repeats"] = (g => g.Sequence(g.Repeat(g.Literal("ab"), 1), g.Repeat(g.OneOf(["a", "abb"]), 0, 3), g.Literal("c")), "(ab)+(a|abb){0,3}c"),
        ["until"] = (g => g.Sequence(g.TextUntil("<call>"), g.Literal("{}"), g.Literal("</call>")), "((?!<call>)[\\s\\S])*<call>\\{\\}</call>"),
        ["automaton"] = (g => g.Sequence(g.Literal("f"), g.Automaton(new Brackets(0)), g.Literal(";")), "f(?:(?<open>\\()|x|(?<-open>\\)))*(?(open)(?!));"),
        ["without"] = (g => g.Sequence(g.Literal(">"), g.TextWithout("e", "on"), g.Literal("e!")), ">((?!e|on)[\\s\\S])*e!"),
    };

    [Theory]
    [MemberData(nameof(Languages))]
    public void Output_is_of_the_language_and_the_same_with_and_without_drafts(string name) => AssertOfLanguage(name, takesCertainText: true);

    [Theory]
    [MemberData(nameof(Languages))]
    public void So_it_is_where_certain_text_is_left_to_the_model(string name) => AssertOfLanguage(name, takesCertainText: false);

    private void AssertOfLanguage(string name, bool takesCertainText)
    {
        var (build, pattern) = s_languages[name];
        var constraint = new TokenConstraint(build(new Grammar()), s_tokenizer) { TakesCertainText = takesCertainText };
        var length = TestedDevice.Many(60, few: 24);
        for (var prompt = 10; prompt < 30; prompt += TestedDevice.Many(1, few: 20))
        {
            using var expected = Decode(Models.Autoregressive(length), constraint, prompt);
            AssertMatch(pattern, expected);
            for (var exit = 1; exit <= 3; exit++)
            {
                using var actual = Decode(Models.Speculative(exit, 1 + (prompt % 6), length), constraint, prompt);
                Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
                Assert.Equal(expected.FinishReason, actual.FinishReason);
                Assert.Equal(expected.Statistics.Forced, actual.Statistics.Forced);
            }

            var sampling = new SamplingOptions { Temperature = 1.5f, Seed = (ulong)prompt };
            using var drawn = Decode(Models.Autoregressive(length) with { Sampling = sampling }, constraint, prompt);
            AssertMatch(pattern, drawn);
            using var drafted = Decode(Models.Speculative(1 + (prompt % 3), 4, length) with { Sampling = sampling }, constraint, prompt);
            Assert.Equal(drawn.Output.ToArray(), drafted.Output.ToArray());
            Assert.Equal((drawn.FinishReason, drawn.Statistics.Forced), (drafted.FinishReason, drafted.Statistics.Forced));
        }
    }

    [Fact]
    public void Constrained_samples_have_the_same_distribution_with_and_without_drafts()
    {
        var samples = TestedDevice.Many(4000, few: 40);
        var grammar = new Grammar();
        var constraint = new TokenConstraint(
            grammar.Sequence(grammar.OneOf(["a", "b", "c"]), grammar.Literal(" = "), grammar.OneOf(["1", "2", "3"]), grammar.Optional(grammar.Literal("!"))), s_tokenizer);
        var counts = new Dictionary<string, (int Plain, int Speculative)>();
        for (var i = 0; i < samples; i++)
        {
            var sampling = new SamplingOptions { Temperature = 0.7f, Seed = (ulong)i };
            using var plain = Decode(Models.Autoregressive(20) with { Sampling = sampling }, constraint, 17);
            using var speculative = Decode(Models.Speculative(1, 4, 20) with { Sampling = sampling with { Seed = (ulong)(i + samples) } }, constraint, 17);
            var (first, second) = (s_tokenizer.Decode(plain.Output), s_tokenizer.Decode(speculative.Output));
            counts[first] = (counts.GetValueOrDefault(first).Plain + 1, counts.GetValueOrDefault(first).Speculative);
            counts[second] = (counts.GetValueOrDefault(second).Plain, counts.GetValueOrDefault(second).Speculative + 1);
        }

        // Two samples of equal size: chi-square against the 99.99 % quantile (Wilson-Hilferty).
        var statistic = counts.Values.Sum(count => Math.Pow(count.Plain - count.Speculative, 2) / (count.Plain + count.Speculative));
        var freedom = counts.Count - 1.0;
        var limit = freedom * Math.Pow(1 - (2 / (9 * freedom)) + (3.719 * Math.Sqrt(2 / (9 * freedom))), 3);
        Assert.InRange(counts.Count, 10, 18);
        Assert.True(statistic < limit, $"chi-square {statistic:F1} with {freedom} degrees of freedom, limit {limit:F1}");
    }

    [Fact]
    public void Text_that_no_token_spells_is_an_error_that_says_so()
    {
        // A vocabulary of whole words, without tokens for single bytes.
        var tokenizer = TestTokenizers.Load(TestTokenizers.Words("yes", "no"));
        using var model = Models.Random(TinyCheckpoint.DefaultConfig with { VocabularySize = 8 });
        var grammar = new Grammar();
        foreach (var options in new[] { Models.Autoregressive(5), Models.Speculative(1, 2, 5), Models.Autoregressive(5) with { Sampling = new() { Temperature = 1 } } })
        {
            using var fine = model.Decode([0], options with { Constraint = new TokenConstraint(grammar.Literal("yesno"), tokenizer) });
            Assert.Equal(FinishReason.Complete, fine.FinishReason);
            var error = Assert.Throws<ConstraintException>(() => model.Decode([0], options with { Constraint = new TokenConstraint(grammar.Literal("yes!"), tokenizer) }));
            Assert.Contains("vocabulary", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Forced_tokens_take_neither_a_draft_pass_nor_a_round_of_their_own()
    {
        var grammar = new Grammar();
        var constraint = new TokenConstraint(
            grammar.Sequence(grammar.Literal("{\"name\":\""), grammar.OneOf(["x", "y"]), grammar.Literal("\",\"number of things\":1}")), s_tokenizer);
        using var plain = Decode(Models.Autoregressive(60), constraint, 7);
        var layers = _model.Config.Layers;

        // One token is chosen; one round decides it, one takes what follows.
        Assert.True(plain.Output.Length > 8);
        Assert.Equal(plain.Output.Length - 1, plain.Statistics.Forced);
        Assert.Equal((2, 2L * layers, 0), (plain.Statistics.Rounds, plain.Statistics.LayerPasses, plain.Statistics.Drafted));

        using var speculative = Decode(Models.Speculative(2, 4, 60), constraint, 7);
        Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
        Assert.Equal(plain.Statistics.Forced, speculative.Statistics.Forced);
        Assert.InRange(speculative.Statistics.Drafted, 1, 2);
        Assert.Equal(speculative.Statistics.Accepted, speculative.CountAccepted(speculative.Output.Length));
        Assert.Equal(FinishReason.Complete, speculative.FinishReason);
    }

    [Fact]
    public void Certain_text_is_left_to_the_model_where_it_is_to_choose_the_tokens()
    {
        var language = new Grammar().Literal("remind me to call mom at 5 pm");
        using var taken = Decode(Models.Autoregressive(60), new TokenConstraint(language, s_tokenizer), 7);
        var asking = new TokenConstraint(language, s_tokenizer) { TakesCertainText = false };
        using var plain = Decode(Models.Autoregressive(60), asking, 7);
        using var speculative = Decode(Models.Speculative(2, 4, 60), asking, 7);

        Assert.Equal(s_tokenizer.Decode(taken.Output), s_tokenizer.Decode(plain.Output));
        Assert.NotEqual(taken.Output.ToArray(), plain.Output.ToArray());
        Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
        Assert.Equal((0, 0), (plain.Statistics.Forced, speculative.Statistics.Forced));
        Assert.Equal((FinishReason.Complete, FinishReason.Complete), (plain.FinishReason, speculative.FinishReason));
    }

    [Fact]
    public void A_draft_that_asks_too_much_of_a_constraint_is_given_up_and_the_output_is_the_same()
    {
        const int Length = 8;
        var given = 0;
        for (var prompt = 0; prompt < 40; prompt++)
        {
            using var free = Decode(Models.Autoregressive(Length), null, prompt);
            if (free.Output.ToArray().Any(token => token >= s_tokenizer.VocabularySize || s_tokenizer.IsSpecial(token)))
            {
                continue;
            }

            // Whoever looks at any other text than the model's own comes to no end.
            var mined = new TokenConstraint(new Grammar().Automaton(new OneWay([.. free.Output.ToArray().SelectMany(s_tokenizer.GetBytes)], 0)), s_tokenizer) { TakesCertainText = false };
            using var plain = Decode(Models.Autoregressive(Length), mined, prompt);
            Assert.Equal(free.Output.ToArray(), plain.Output.ToArray());
            for (var exit = 1; exit <= 3; exit++)
            {
                // With log-probabilities rounds run step by step on every device: one that runs them whole shows drafts to no constraint.
                using var speculative = Decode(Models.Speculative(exit, 4, Length) with { TopLogProbabilities = 0 }, mined, prompt);
                Assert.Equal(free.Output.ToArray(), speculative.Output.ToArray());
                given += speculative.Statistics.Drafted == 0 ? 1 : 0;
            }
        }

        Assert.InRange(given, 10, int.MaxValue);
    }

    [Fact]
    public void Where_no_token_may_end_text_is_written_by_tokens_that_go_beyond()
    {
        // Of "wake me" and the like: a word begins with its space, or goes on behind one.
        var words = new TokenConstraint(new Grammar().Automaton(new Words(IsBehindSpace: false, Letters: 0, Left: 3)), s_tokenizer) { TakesCertainText = false };
        for (var prompt = 0; prompt < TestedDevice.Many(30, few: 3); prompt++)
        {
            using var plain = Decode(Models.Autoregressive(30), words, prompt);
            using var speculative = Decode(Models.Speculative(1 + (prompt % 3), 4, 30), words, prompt);
            Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
            AssertMatch("( [a-z]{2,})*", plain);
            Assert.All(plain.Output.ToArray(), token => Assert.Matches("^ [a-z]{2,}$|^[a-z]*$", s_tokenizer.Decode([token])));
        }
    }

    [Fact]
    public void States_that_contradict_themselves_are_refused_and_dead_ends_are_no_way()
    {
        var grammar = new Grammar();

        Assert.Contains("takes -1 bytes to end", Assert.Throws<ArgumentException>("state", () => grammar.Automaton(new Said(-1, ByteSet.All))).Message, StringComparison.Ordinal);
        Assert.Contains("takes 3 bytes to end", Assert.Throws<ArgumentException>("state", () => grammar.Automaton(new Said(3, ByteSet.None))).Message, StringComparison.Ordinal);
        Assert.Same(grammar.Empty, grammar.Automaton(new Said(0, ByteSet.None)));
        Assert.Same(grammar.Nothing, grammar.Automaton(new Said(int.MaxValue, ByteSet.All)));
        Assert.Throws<ArgumentException>("language", () => new TokenConstraint(grammar.Automaton(new Said(int.MaxValue, ByteSet.All)), s_tokenizer));
    }

    [Fact]
    public void Long_forced_stretches_are_cut_into_rounds()
    {
        var grammar = new Grammar();
        var text = string.Concat(Enumerable.Range(0, 120).Select(i => $"{i} "));
        var constraint = new TokenConstraint(grammar.Literal(text), s_tokenizer);
        using var generation = Decode(Models.Autoregressive(390), constraint, 7);
        Assert.Equal(text, s_tokenizer.Decode(generation.Output));
        Assert.Equal(generation.Output.Length, generation.Statistics.Forced);
        Assert.InRange(generation.Statistics.Rounds, 2, 10);
    }

    [Fact]
    public void Ends_where_the_language_may_end_and_nowhere_else()
    {
        var grammar = new Grammar();
        var constraint = new TokenConstraint(grammar.Repeat(grammar.Literal("na;"), 2, 30), s_tokenizer);
        foreach (var only in new[] { EndOfSequence, -1 })
        {
            // A model that wants nothing but to end, and one that never wants to.
            var options = Models.Speculative(2, 4, 80) with { Constraint = constraint, LogitsProcessors = [new Bias(EndOfSequence, only == EndOfSequence ? 1e6f : -1e6f)] };
            using var generation = _model.Decode([1, 2], options, [EndOfSequence]);
            var ends = only == EndOfSequence;
            Assert.Equal(ends ? FinishReason.Stop : FinishReason.Complete, generation.FinishReason);
            Assert.Equal(string.Concat(Enumerable.Repeat("na;", ends ? 2 : 30)), s_tokenizer.Decode(generation.Output));
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0.5f)]
    public void An_end_that_the_model_chooses_is_a_stop_however_little_room_is_left(float temperature)
    {
        var grammar = new Grammar();
        var constraint = new TokenConstraint(grammar.Repeat(grammar.Literal("na;"), 2, 30), s_tokenizer);
        var least = s_tokenizer.Encode("na;na;", addSpecialTokens: false).Length;
        for (var limit = least + 1; limit < least + 10; limit++)
        {
            // The end comes before all text that may follow, and behind text that may not.
            foreach (var processors in new ILogitsProcessor[][] { [new Bias(EndOfSequence, 1e6f)], [new Bias(EndOfSequence, 1e6f), new Bias(s_tokenizer.Encode("x", false)[0], 2e6f)] })
            {
                var options = Models.Speculative(2, 4, limit) with { Constraint = constraint, LogitsProcessors = processors, Sampling = new() { Temperature = temperature, Seed = 2 } };
                using var generation = _model.Decode([1, 2], options, [EndOfSequence]);
                Assert.Equal("na;na;", s_tokenizer.Decode(generation.Output));
                Assert.Equal(FinishReason.Stop, generation.FinishReason);
            }
        }
    }

    [Fact]
    public void A_stop_token_that_the_language_names_as_its_last_ends_it()
    {
        var grammar = new Grammar();
        foreach (var language in new[]
            {
                grammar.Sequence(grammar.Literal("word"), grammar.SpecialToken(EndOfSequence)),
                grammar.Sequence(grammar.OneOf(["one", "two"]), grammar.Choice(grammar.SpecialToken(EndOfSequence), grammar.Literal("!"))),
            })
        {
            var constraint = new TokenConstraint(language, s_tokenizer);
            var options = Models.Autoregressive(20) with { LogitsProcessors = [new Bias(s_tokenizer.Encode("!", false)[0], -1e6f)] };
            using var plain = Decode(options, constraint, 5);
            Assert.Equal((FinishReason.Stop, EndOfSequence), (plain.FinishReason, plain.Output[^1]));
            Assert.Contains(s_tokenizer.Decode(plain.Output), (string[])["word", "one", "two"]);
            using var speculative = Decode(options with { Mode = DecodingMode.SelfSpeculative, ExitLayer = 1, NumSpeculations = 3 }, constraint, 5);
            Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
            using var greedy = Decode(Models.Speculative(1, 3, 20), constraint, 5);
            Assert.NotEqual(FinishReason.MaxNewTokens, greedy.FinishReason);
        }

        // Behind a token that ends the output there is no more of it.
        var more = new TokenConstraint(grammar.Sequence(grammar.SpecialToken(EndOfSequence), grammar.Literal("x")), s_tokenizer);
        var error = Assert.Throws<ConstraintException>(() => Decode(Models.Autoregressive(20), more, 5));
        Assert.Contains("stop ids", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_limit_would_cut_is_completed_before_it()
    {
        var grammar = new Grammar();
        var list = grammar.Sequence(grammar.Literal("["), grammar.Repeat(grammar.Sequence(grammar.OneOf(["a", "bb"]), grammar.Literal(","))), grammar.Literal("end of list]"));
        var constraint = new TokenConstraint(list, s_tokenizer);
        for (var limit = 14; limit < 40; limit += TestedDevice.Many(1, few: 9))
        {
            var options = Models.Autoregressive(limit) with { LogitsProcessors = [new Bias(s_tokenizer.Encode("end", false)[0], -1e6f), new Bias(s_tokenizer.Encode("e", false)[0], -1e6f)] };
            using var plain = Decode(options, constraint, 9);
            AssertMatch(@"\[((a|bb),)*end of list\]", plain);
            Assert.Equal(FinishReason.MaxNewTokens, plain.FinishReason);
            using var speculative = Decode(options with { Mode = DecodingMode.SelfSpeculative, ExitLayer = 1, NumSpeculations = 3 }, constraint, 9);
            Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
            Assert.Equal(FinishReason.MaxNewTokens, speculative.FinishReason);

            // Up to where it was curtailed, it is what more room would have let the model write.
            Assert.Equal(plain.CurtailedAt, speculative.CurtailedAt);
            using var longer = Decode(options with { MaxNewTokens = 80 }, constraint, 9);
            var meant = plain.CurtailedAt!.Value;
            Assert.Equal(longer.Output[..meant].ToArray(), plain.Output[..meant].ToArray());
            Assert.NotEqual(longer.Output[meant], plain.Output[meant]);
        }

        using var cut = Decode(Models.Autoregressive(3), constraint, 9);
        Assert.Equal((FinishReason.MaxNewTokens, 3), (cut.FinishReason, cut.Output.Length));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public void A_model_without_a_token_to_end_by_ends_where_nothing_more_can_be_completed(float temperature)
    {
        var grammar = new Grammar();
        var constraint = new TokenConstraint(grammar.Repeat(grammar.OneOf(["a long one;", "another one;"]), 1), s_tokenizer);
        for (var limit = 13; limit < 50; limit += TestedDevice.Many(1, few: 12))
        {
            var options = Models.Autoregressive(limit) with { Constraint = constraint, Sampling = new() { Temperature = temperature, Seed = 4 } };
            using var plain = _model.Decode([1, 2], options, []);
            Assert.Matches("^(a long one;|another one;)+$", s_tokenizer.Decode(plain.Output));
            Assert.Equal(FinishReason.MaxNewTokens, plain.FinishReason);

            using var speculative = _model.Decode([1, 2], options with { Mode = DecodingMode.SelfSpeculative, ExitLayer = 1, NumSpeculations = 3 }, []);
            Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
            Assert.Equal(FinishReason.MaxNewTokens, speculative.FinishReason);
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public void A_scripted_model_writes_the_same_under_a_constraint_with_and_without_drafts(float temperature)
    {
        // It wants other text than it may write, and more of it than there is room for.
        foreach (var script in (string[])["na;na;", "no;na;na;na;no;na;", "[\"a\",\"b"])
        {
            for (var limit = 4; limit < 40; limit += 3)
            {
                using var model = ScriptedModel.Create(_ => script, new() { DraftAccuracy = 0.7 });
                var grammar = new Grammar();
                var language = script[0] == '[' ? new JsonGrammar(grammar).AnyValue() : grammar.Repeat(grammar.Literal("na;"), 1);
                var options = new DecodingOptions
                {
                    MaxNewTokens = limit, Constraint = new TokenConstraint(language, model.Tokenizer), Sampling = new() { Temperature = temperature, Seed = (ulong)limit },
                };
                var plain = Run(options with { Mode = DecodingMode.Autoregressive });
                Assert.Equal(plain, Run(options with { Mode = DecodingMode.SelfSpeculative, NumSpeculations = 5 }));

                (string Text, FinishReason Reason, int? CurtailedAt) Run(DecodingOptions options)
                {
                    using var generation = model.Generate(model.Tokenizer.Encode("?"), options);
                    while (generation.NextRound())
                    {
                    }

                    return (model.Tokenizer.Decode(generation.Output, skipSpecialTokens: false), generation.FinishReason, generation.CurtailedAt);
                }
            }
        }
    }

    [Fact]
    public void A_string_goes_on_until_there_is_room_for_the_tokens_of_the_rest_alone()
    {
        const string Rest = "\",\"number of things to do\":\"\",\"name of the reminder\":\"\",\"description of it\":\"\"}";
        var constraint = StringAnd(Rest);

        // A model that never ends the string.
        var options = Models.Autoregressive(128) with { LogitsProcessors = [new Bias(s_tokenizer.Encode("\"", false)[0], -1e6f)] };
        using var plain = Decode(options, constraint, 9);
        Assert.Equal(128, plain.Output.Length);
        Assert.InRange(plain.CurtailedAt!.Value, 128 - (Rest.Length / 2), 128);
        using var speculative = Decode(options with { Mode = DecodingMode.SelfSpeculative, ExitLayer = 1, NumSpeculations = 5 }, constraint, 9);
        Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
        Assert.Equal(plain.CurtailedAt, speculative.CurtailedAt);
    }

    [Theory]
    [InlineData(DecodingMode.Autoregressive, 0f)]
    [InlineData(DecodingMode.SelfSpeculative, 0f)]
    [InlineData(DecodingMode.SelfSpeculative, 0.8f)]
    public void Constrained_decoding_allocates_nothing_once_its_masks_are_known(DecodingMode mode, float temperature)
    {
        var grammar = new Grammar();
        var record = grammar.Sequence(grammar.Literal("{\"k\":\""), grammar.Repeat(grammar.OneOf([.. "abcdefgh".Select(c => c.ToString())]), 1), grammar.Literal("\"},"));
        var options = new DecodingOptions
        {
            Mode = mode,
            ExitLayer = 2,
            NumSpeculations = 4,
            MaxNewTokens = TestedDevice.Many(390, few: 90),
            Sampling = new() { Temperature = temperature, Seed = 4 },
            Constraint = new TokenConstraint(grammar.Repeat(record), s_tokenizer),
        };
        using (var first = _model.Decode([1, 2, 3], options))
        {
            Assert.True(first.Output.Length > TestedDevice.Many(300, few: 60));
        }

        using var generation = new Generation(_model, [1, 2, 3], DecodingPlan.Create(options, _model.Config, new()));
        while (generation.Output.Length < TestedDevice.Many(100, few: 25))
        {
            generation.NextRound();
        }

        var length = generation.Output.Length;
        Assert.Equal(0, Allocations.Least(() =>
        {
            length += TestedDevice.Many(40, few: 12);
            while (generation.Output.Length < length)
            {
                generation.NextRound();
            }
        }));
    }

    [Theory]
    [InlineData(DecodingMode.Autoregressive, 0f)]
    [InlineData(DecodingMode.SelfSpeculative, 0f)]
    [InlineData(DecodingMode.SelfSpeculative, 0.8f)]
    public void Where_room_is_scarce_nothing_is_looked_for_twice(DecodingMode mode, float temperature)
    {
        // Of 200 tokens most may not be enough for the letters to come.
        var constraint = StringAnd("\"" + string.Concat(Enumerable.Range(0, 60).Select(i => $"{i}, ")));
        var limit = TestedDevice.Many(200, few: 150);
        var options = Models.Speculative(2, 4, limit) with { Mode = mode, Constraint = constraint, Sampling = new() { Temperature = temperature, Seed = 4 } };
        using (var first = _model.Decode([1, 2, 3], options))
        {
            Assert.Equal(FinishReason.MaxNewTokens, first.FinishReason);
        }

        using var generation = new Generation(_model, [1, 2, 3], DecodingPlan.Create(options, _model.Config, new()));
        while (generation.Output.Length < 10)
        {
            generation.NextRound();
        }

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var round = 0; round < 3; round++)
            {
                Assert.True(generation.NextRound());
            }
        }));
    }

    [Fact]
    public void Generations_on_several_threads_share_a_constraint()
    {
        var json = new JsonGrammar(new Grammar(), depth: 4);
        var expected = Enumerable.Range(0, 8).Select(i => Tokens(new TokenConstraint(new JsonGrammar(new Grammar(), depth: 4).AnyObject(), s_tokenizer), i)).ToArray();
        var shared = new TokenConstraint(json.AnyObject(), s_tokenizer);
        var actual = new int[8][];
        Parallel.For(0, 8, i => actual[i] = Tokens(shared, i));
        Assert.Equal(expected, actual);

        int[] Tokens(TokenConstraint constraint, int i)
        {
            using var model = Models.Random(TinyCheckpoint.DefaultConfig with { VocabularySize = 2400, MaxPositions = 400 }, seed: 3);
            return model.Tokens([i + 40, i], Models.Speculative(1 + (i % 3), 3, TestedDevice.Many(150, few: 25)) with { Constraint = constraint, Sampling = new() { Temperature = 1, Seed = (ulong)i } });
        }
    }

    [Fact]
    public void Cancellation_leaves_a_constrained_generation_where_the_round_began()
    {
        var (build, _) = s_languages["repeat"];
        var constraint = new TokenConstraint(build(new Grammar()), s_tokenizer);
        using var expected = Decode(Models.Autoregressive(60), constraint, 11);
        var options = Models.Speculative(2, 4, 60) with { Constraint = constraint };
        using var generation = new Generation(_model, [11, 12], DecodingPlan.Create(options, _model.Config, new() { EndOfSequenceIds = [EndOfSequence] }));
        while (generation.FinishReason == FinishReason.None)
        {
            Assert.ThrowsAny<OperationCanceledException>(() => generation.NextRound(new CancellationToken(canceled: true)));
            generation.NextRound();
        }

        Assert.Equal(expected.Output.ToArray(), generation.Output.ToArray());
    }

    [Fact]
    public void A_constraint_of_a_larger_vocabulary_is_refused()
    {
        var grammar = new Grammar();
        var options = new DecodingOptions { Constraint = new TokenConstraint(grammar.Text(), s_tokenizer) };
        using var small = Models.Random(TinyCheckpoint.DefaultConfig);
        Assert.Throws<ArgumentException>(() => small.Decode([1], options));
        Assert.Throws<ArgumentException>(() => new TokenConstraint(grammar.Nothing, s_tokenizer));
        Assert.Throws<ArgumentException>(() => grammar.Sequence(new Grammar().Text(), grammar.Text()));
    }

    /// <summary>A string of letters in an object, and a certain rest.</summary>
    private static TokenConstraint StringAnd(string rest)
    {
        var grammar = new Grammar();
        var text = grammar.Repeat(grammar.OneOf([.. "abcdefgh".Select(c => c.ToString())]));
        return new(grammar.Sequence(grammar.Literal("{\"summary\":\""), text, grammar.Literal(rest)), s_tokenizer);
    }

    private Generation Decode(DecodingOptions options, TokenConstraint? constraint, int prompt) =>
        _model.Decode([prompt, prompt + 1], options with { Constraint = constraint }, [EndOfSequence]);

    private static void AssertMatch(string pattern, Generation generation)
    {
        var text = s_tokenizer.Decode(generation.Output);
        Assert.True(Regex.IsMatch(text, $"^(?:{pattern})$", RegexOptions.CultureInvariant), $"'{text}' is not of '{pattern}' ({generation.FinishReason})");
    }

    /// <summary>A text, and a look at any other is too much.</summary>
    /// <summary>Words of two letters and more behind a space each, whose space and first letters are one token's.</summary>
    private sealed record Words(bool IsBehindSpace, int Letters, int Left) : TextState
    {
        public override int MinBytes => IsBehindSpace ? 2 - Math.Min(2, Letters) : 0;

        public override ByteSet NextBytes => (IsBehindSpace ? ByteSet.Range('a', 'z') : ByteSet.None) | (MinBytes == 0 && Left > 0 ? ByteSet.Of((byte)' ') : ByteSet.None);

        public override bool MayEndToken => MinBytes == 0;

        public override TextState After(byte value) => value == ' ' ? new Words(true, 0, Left - 1) : this with { Letters = Math.Min(2, Letters + 1) };
    }

    private sealed record OneWay(byte[] Text, int Read) : TextState
    {
        public override int MinBytes => Text.Length == Read ? 0 : 1;

        public override ByteSet NextBytes => Text.Length == Read ? ByteSet.None : ByteSet.All;

        public override TextState After(byte value) => value == Text[Read] ? this with { Read = Read + 1 } : throw new ConstraintException("too much");
    }

    /// <summary>What a state says of itself.</summary>
    private sealed record Said(int Least, ByteSet Bytes) : TextState
    {
        public override int MinBytes => Least;

        public override ByteSet NextBytes => Bytes;

        public override TextState After(byte value) => this;
    }

    /// <summary>Brackets that are closed as often as they were opened, with letters in between: more states than an automaton that is spelled out could have.</summary>
    private sealed record Brackets(int Open) : TextState
    {
        public override int MinBytes => Open;

        public override ByteSet NextBytes => ByteSet.Of(Open == 0 ? "(x" : "(x)");

        public override TextState After(byte value) => new Brackets(Open + (value == '(' ? 1 : value == ')' ? -1 : 0));
    }

    private sealed class Bias(int token, float bias) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits) => logits[token] += bias;
    }
}
