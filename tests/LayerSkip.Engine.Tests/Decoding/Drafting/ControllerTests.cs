using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Decoding.Drafting;

/// <summary>Each controller's arithmetic against a plain statement of its rule.</summary>
public class ControllerTests
{
    [Fact]
    public void The_state_machine_moves_by_one_within_its_bounds()
    {
        var random = new Random(1);
        for (var longest = 1; longest <= 9; longest++)
        {
            var draft = new StepwiseDraft(2, longest);
            var expected = (longest + 1) / 2;
            for (var round = 0; round < 200; round++)
            {
                Assert.Equal(new DraftPlan(2, expected), draft.Next(default, 1));
                var drafted = random.Next(0, expected + 1);
                var accepted = random.Next(2) == 0 ? drafted : random.Next(0, drafted + 1);
                draft.Learn(Outcome(2, drafted, accepted));
                expected = drafted == 0 ? expected : Math.Max(1, Math.Min(longest, expected + (accepted == drafted ? 1 : -1)));
            }
        }
    }

    [Fact]
    public void Rounds_that_copy_nothing_are_the_other_controllers_whether_it_drafted_or_only_looked()
    {
        // Exit 1 is always wrong at first, so that nothing is drafted any more; surveys then find it always right.
        var draft = new LookupFirstDraft(new DynamicExitDraft(StepCosts.Of(static rows => 1 + (0.1 * rows), 0.5, 0.5), layers: 8, exits: [1], first: 1, longest: 6), 4);
        for (var round = 0; round < 8; round++)
        {
            var plan = draft.Next(default, 1);
            draft.Learn(Survey(plan, right: false));
        }

        Assert.Equal(0, draft.Next(default, 1).Length);
        Assert.Equal(DraftPlan.Lookup(4), draft.Next(new LookupMatch(2, 5), 1));
        draft.Learn(Outcome(0, 3, 3));
        for (var round = 0; round < 200; round++)
        {
            draft.Learn(Survey(draft.Next(default, 1), right: true));
        }

        Assert.Equal(6, draft.Next(default, 1).Length);

        static RoundOutcome Survey(DraftPlan plan, bool right) => new(
            plan.Length > 0 ? plan.ExitLayer : 0, plan.Length, right ? plan.Length : 0, default,
            plan.Survey is null && plan.Length == 0 ? [] : new ExitGuess[] { new(1, 0, new(right ? 7 : 8, 0.9f)) }, new[] { 7 });
    }

    [Fact]
    public void Confidence_ends_a_draft_after_the_first_unsure_token()
    {
        var draft = new ConfidenceDraft(3, 7, 0.4f);
        Assert.Equal(new DraftPlan(3, 7), draft.Next(default, 1));
        Assert.Equal(GuessVerdict.Continue, draft.Judge(new(5, 0.4f), 0, 0));
        Assert.Equal(GuessVerdict.Last, draft.Judge(new(5, 0.3999f), 1, 1));
    }

    [Fact]
    public void The_adaptive_threshold_follows_draft_and_verify()
    {
        var random = new Random(2);
        var draft = new AdaptiveThresholdDraft(1, 8, 0.9f);
        var (threshold, rate) = (0.6, (double)0.9f);
        for (var round = 0; round < 500; round++)
        {
            var drafted = random.Next(0, 9);
            var accepted = drafted == 0 ? 0 : random.Next(Math.Max(0, drafted - 2), drafted + 1);
            draft.Learn(Outcome(1, drafted, accepted));
            if (drafted > 0)
            {
                rate = (0.5 * rate) + (0.5 * accepted / drafted);
                var wanted = rate < 0.9f ? threshold + 0.01 : drafted < 8 ? threshold - 0.01 : threshold;
                threshold = Math.Clamp((0.9 * threshold) + (0.1 * wanted), 0, 1);
            }

            Assert.Equal(threshold, draft.Threshold, 1e-9);
            Assert.Equal(GuessVerdict.Continue, draft.Judge(new(0, (float)threshold + 0.001f), 0, 0));
            Assert.Equal(GuessVerdict.Last, draft.Judge(new(0, (float)threshold - 0.001f), 0, 0));
        }
    }

    [Fact]
    public void Dynamic_exit_takes_the_exit_and_ends_drafts_as_its_decayed_counts_say()
    {
        var random = new Random(3);
        const int Layers = 12;
        const int Longest = 10;
        int[] exits = [1, 2, 4, 8];
        var costs = StepCosts.Of(rows => 1 + (0.3 * (rows - 1)), head: 1, guess: 0.25);
        var draft = new DynamicExitDraft(costs, Layers, exits, first: 2, Longest);
        var (right, wrong, rightSum, wrongSum) = (new double[4], new double[4], new double[4], new double[4]);
        double[] agreement = [0.3, 0.75, 0.9, 0.97];
        var (exit, length) = (1, 1);
        for (var round = 0; round < 300; round++)
        {
            var plan = draft.Next(default, 1);
            var drafts = round == 0 || length > 0;
            Assert.Equal((drafts ? exits[exit] : 0, round == 0 ? 1 : drafts ? Longest : 0), (plan.ExitLayer, plan.Length));
            Assert.Equal(round % 4 == 0 ? exits : null, plan.Survey);

            // The threshold lies half way between right and wrong guesses; without both kinds nothing ends a draft.
            var threshold = ((rightSum[exit] / right[exit]) + (wrongSum[exit] / wrong[exit])) / 2;
            var p = random.NextSingle();
            Assert.Equal(p < threshold ? GuessVerdict.Last : GuessVerdict.Continue, draft.Judge(new(0, p), 0, 0));

            // Tokens 0 are right. All exits guess at all places in a survey, the draft's alone otherwise; the last guess is behind the round's end.
            int[] tokens = new int[random.Next(1, 6)];
            var guesses = new List<ExitGuess>();
            for (var i = 0; i < exits.Length; i++)
            {
                for (var index = 0; index <= tokens.Length && (plan.Survey is not null || (drafts && i == exit)); index++)
                {
                    var isRight = random.NextDouble() < agreement[i];
                    guesses.Add(new(exits[i], index, new(isRight ? 0 : 1, isRight ? 0.5f + (random.NextSingle() / 2) : random.NextSingle())));
                }
            }

            draft.Learn(new RoundOutcome(plan.ExitLayer, tokens.Length, tokens.Length - 1, default, guesses.ToArray(), tokens));
            for (var i = 0; i < exits.Length; i++)
            {
                var own = guesses.Where(guess => guess.ExitLayer == exits[i] && guess.Index < tokens.Length).Select(guess => guess.Guess).ToArray();
                if (own.Length > 0)
                {
                    right[i] = (0.95 * right[i]) + own.Count(guess => guess.Token == 0);
                    wrong[i] = (0.95 * wrong[i]) + own.Count(guess => guess.Token == 1);
                    rightSum[i] = (0.95 * rightSum[i]) + own.Where(guess => guess.Token == 0).Sum(guess => (double)guess.Probability);
                    wrongSum[i] = (0.95 * wrongSum[i]) + own.Where(guess => guess.Token == 1).Sum(guess => (double)guess.Probability);
                }
            }

            var best = (Price: Layers + 1.0, Exit: exit, Length: 0);
            for (var i = 0; i < exits.Length; i++)
            {
                for (var d = 1; d <= Longest && right[i] + wrong[i] > 0; d++)
                {
                    var alpha = right[i] / (right[i] + wrong[i]);
                    var expected = Enumerable.Range(0, d + 1).Sum(k => Math.Pow(alpha, k));
                    var cost = (d * 0.25) + ((d + 1) * exits[i]) + ((Layers - exits[i]) * (1 + (0.3 * d))) + (1 + (0.3 * d));
                    best = cost / expected < best.Price - 1e-12 ? (cost / expected, i, d) : best;
                }
            }

            (exit, length) = (best.Exit, best.Length);
        }

        Assert.True(length > 0, "the test never came to a draft");
    }

    [Fact]
    public void Exits_worth_telling_apart_are_few_and_leave_something_to_skip()
    {
        Assert.Equal([1, 2, 3, 4, 6, 8], ExitLadder.Of(12, null));
        Assert.Equal([1, 2, 3, 4, 6, 8, 12, 16, 24], ExitLadder.Of(32, null));
        Assert.Equal([1, 2, 3, 4, 5, 6, 8], ExitLadder.Of(12, 5));
        Assert.Equal([1], ExitLadder.Of(2, 1));
        Assert.Empty(ExitLadder.Of(1, null));
    }

    [Fact]
    public void A_copy_comes_first_wherever_there_is_one()
    {
        var draft = new LookupFirstDraft(new FixedDraft(3, 5), 6);
        Assert.Equal(new DraftPlan(3, 5), draft.Next(default, 1));
        Assert.Equal(DraftPlan.Lookup(6), draft.Next(new LookupMatch(2, 10), 1));
    }

    private static RoundOutcome Outcome(int exit, int drafted, int accepted) => new(exit, drafted, accepted, default, [], []);
}
