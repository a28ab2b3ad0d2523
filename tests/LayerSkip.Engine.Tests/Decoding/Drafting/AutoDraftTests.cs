using LayerSkip.Engine.Decoding.Drafting;

namespace LayerSkip.Engine.Tests.Decoding.Drafting;

/// <summary>Auto drafts where it pays by the costs it is given, stops where it does not, and comes back. All by counts: no clock is asked.</summary>
public class AutoDraftTests
{
    private const int Layers = 12;
    private const int Longest = 16;
    private const double CopyError = 0.3;

    [Theory]
    [InlineData(0.05f)]
    [InlineData(0.99f)]
    public void Where_no_exit_ever_agrees_it_stops_drafting_and_loses_little(float confidence)
    {
        var run = new Simulation(isGood: true);
        run.Rounds(400, agreement: 0, confidence);

        // In the end a look every 32 steps is all it does; and all in all it loses less than 3 % of 400 plain steps.
        Assert.Equal(0, run.DraftedIn(100));
        Assert.InRange(run.GuessesIn(100), 0, 4);
        Assert.InRange(run.Cost / (run.Tokens * run.Plain), 1, 1.03);
    }

    [Fact]
    public void An_exit_that_nobody_recommends_and_that_is_wrong_however_sure_it_is_loses_little_of_a_short_answer()
    {
        // Whatever it says of itself: what one confidence has disappointed is not tried again at each of the others.
        var run = new Simulation(isGood: false);
        float[] confidences = [0.96f, 0.8f, 0.995f, 0.9f, 0.6f];
        for (var round = 0; round < 64; round++)
        {
            run.Rounds(1, agreement: 0, confidences[round % confidences.Length]);
        }

        Assert.InRange(run.Cost / (run.Tokens * run.Plain), 1, 1.03);
    }

    [Fact]
    public void Where_the_exit_begins_to_agree_it_comes_back()
    {
        var run = new Simulation(isGood: true);
        run.Rounds(200, agreement: 0, confidence: 0.9f);
        Assert.Equal(0, run.DraftedIn(50));
        run.Rounds(300, agreement: 1, confidence: 0.98f);
        Assert.InRange(run.DraftedIn(50) / 50.0, 4, Longest);
    }

    [Fact]
    public void Where_all_agree_it_drafts_far()
    {
        var run = new Simulation(isGood: true);
        run.Rounds(100, agreement: 1, confidence: 0.995f);
        Assert.InRange(run.Cost / (run.Tokens * run.Plain), 0, 0.5);
    }

    [Fact]
    public void Unsure_guesses_are_dropped_and_sure_ones_kept()
    {
        var run = new Simulation(isGood: true);
        var random = new Random(5);
        for (var i = 0; i < 300; i++)
        {
            // Half of the guesses are sure and right, the others unsure and mostly wrong: on average not worth a draft.
            var isSure = random.Next(2) == 0;
            run.Rounds(1, isSure ? 1 : 0.1, isSure ? 0.99f : 0.2f);
        }

        Assert.InRange(run.AcceptanceRate, 0.9, 1);
        Assert.InRange(run.Cost / (run.Tokens * run.Plain), 0.3, 0.85);
    }

    [Fact]
    public void An_exit_that_nobody_recommends_is_used_once_it_is_known_to_agree()
    {
        var run = new Simulation(isGood: false);
        run.Rounds(400, agreement: 1, confidence: 0.9f);
        Assert.InRange(run.DraftedIn(50) / 50.0, 3, Longest);
    }

    [Fact]
    public void Another_exit_takes_over_where_it_agrees_as_often_for_less()
    {
        var costs = StepCosts.Of(rows => 1 + (0.2 * (rows - 1)), 1, 0.2);
        var draft = new AutoDraft(costs, Layers, [1, 2, 3, 4, 6, 8], first: 6, isRecommended: true, Longest, CopyError);
        var exits = new List<int>();
        for (var round = 0; round < 400; round++)
        {
            // All exits but the first are right always.
            exits.Add(Round(draft, static exit => exit > 1 ? 0 : 1).ExitLayer);
        }

        Assert.All(exits[^100..], exit => Assert.Equal(2, exit));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_exit_far_from_the_first_is_found_where_it_alone_agrees(bool isGood)
    {
        var costs = StepCosts.Of(rows => 1 + (0.2 * (rows - 1)), 1, 0.2);
        var draft = new AutoDraft(costs, Layers, [1, 2, 3, 4, 6, 8], first: 3, isRecommended: isGood, Longest, CopyError);
        var exits = new List<int>();
        for (var round = 0; round < 1000; round++)
        {
            exits.Add(Round(draft, static exit => exit == 6 ? 0 : 1).ExitLayer);
        }

        Assert.All(exits[^100..], exit => Assert.Equal(6, exit));
    }

    [Fact]
    public void A_cheaper_exit_is_found_behind_one_that_never_agrees()
    {
        var costs = StepCosts.Of(rows => 1 + (0.2 * (rows - 1)), 1, 0.2);
        var draft = new AutoDraft(costs, Layers, [1, 2, 3, 4, 6, 8], first: 6, isRecommended: true, Longest, CopyError);
        var exits = new List<int>();
        for (var round = 0; round < 600; round++)
        {
            exits.Add(Round(draft, static exit => exit is 1 or >= 6 ? 0 : 1).ExitLayer);
        }

        Assert.All(exits[^100..], exit => Assert.Equal(1, exit));
    }

    [Fact]
    public void Where_no_exit_agrees_looks_at_all_of_them_are_as_few_as_at_one()
    {
        var costs = StepCosts.Of(rows => 1 + (0.2 * (rows - 1)), 1, 0.2);
        var draft = new AutoDraft(costs, Layers, [1, 2, 3, 4, 6, 8], first: 3, isRecommended: true, Longest, CopyError);
        var asked = new List<int[]>();
        for (var round = 0; round < 1000; round++)
        {
            var plan = draft.Next(default, 1);
            asked.Add([.. plan.Survey ?? [], .. plan.Length > 0 ? [plan.ExitLayer] : Array.Empty<int>()]);
            draft.Learn(new RoundOutcome(plan.ExitLayer, 0, 0, default, [.. asked[^1].Select(static exit => new ExitGuess(exit, 0, new(1, 0.9f)))], [0]));
        }

        // One every 32 steps, and some more where enough is known of an exit to try it once.
        Assert.InRange(asked[^640..].Sum(static exits => exits.Length), 20, 32);
        Assert.Equal(6, asked[^640..].SelectMany(static exits => exits).Distinct().Count());
    }

    [Fact]
    public void All_layers_draft_by_coarse_weights_where_no_exit_is_recommended()
    {
        var draft = new AutoDraft(CoarseCosts(), Layers, [1, 2, 3, 4, 6, 8, Layers], first: Layers, isRecommended: false, Longest, CopyError);
        var rounds = Enumerable.Range(0, 100).Select(_ => Round(draft, static exit => exit == Layers ? 0 : 1)).ToArray();
        Assert.All(rounds, round => Assert.Equal(Layers, round.ExitLayer));
        Assert.InRange(rounds[^50..].Average(round => round.Drafted), 4, Longest);
    }

    [Fact]
    public void All_layers_that_begin_to_agree_are_found_by_drafts_of_one_token()
    {
        var draft = new AutoDraft(CoarseCosts(), Layers, [1, 2, 3, Layers], first: Layers, isRecommended: false, Longest, CopyError);
        var wrong = Enumerable.Range(0, 300).Select(_ => Round(draft, static _ => 1)).ToArray();
        Assert.Equal(0, wrong[^100..].Count(static round => round.Drafted > 1));
        var rounds = Enumerable.Range(0, 1000).Select(_ => Round(draft, static exit => exit == Layers ? 0 : 1)).ToArray();
        Assert.All(rounds[^100..], round => Assert.Equal(Layers, round.ExitLayer));
        Assert.InRange(rounds[^100..].Average(round => round.Drafted), 4, Longest);
    }

    [Fact]
    public void An_exit_that_agrees_as_often_takes_over_from_all_layers()
    {
        var draft = new AutoDraft(CoarseCosts(), Layers, [1, 2, 3, 4, 6, 8, Layers], first: Layers, isRecommended: true, Longest, CopyError);
        var rounds = Enumerable.Range(0, 1200).Select(_ => Round(draft, static exit => exit >= 3 ? 0 : 1)).ToArray();
        Assert.All(rounds[^100..], round => Assert.Equal(3, round.ExitLayer));
    }

    [Fact]
    public void All_layers_that_are_never_right_lose_little()
    {
        var cost = new RoundCost(CoarseCosts(), Layers);
        var draft = new AutoDraft(CoarseCosts(), Layers, [Layers], first: Layers, isRecommended: false, Longest, CopyError);
        var spent = 0.0;
        for (var i = 0; i < 400; i++)
        {
            var plan = draft.Next(default, 1);
            var (made, drafted) = Judge(draft, plan, static _ => 1);
            draft.Learn(new RoundOutcome(plan.ExitLayer, drafted, 0, default, made, [0]));
            spent += plan.Length > 0 ? cost.Drafted(Layers, 1, made.Length, drafted) : cost.Plain(1);
        }

        Assert.InRange(spent / (400 * cost.Plain(1)), 1, 1.03);
    }

    [Fact]
    public void Where_all_layers_cannot_be_copied_the_other_exits_are_found()
    {
        var costs = CoarseCosts();
        costs.CannotCopy(Layers);
        var draft = new AutoDraft(costs, Layers, [1, 2, 3, 4, 6, 8, Layers], first: Layers, isRecommended: false, Longest, CopyError);
        var rounds = Enumerable.Range(0, 1500).Select(_ => Round(draft, static exit => exit is 2 ? 0 : 1)).ToArray();
        Assert.DoesNotContain(rounds, static round => round.ExitLayer == Layers);
        Assert.All(rounds[^100..], static round => Assert.Equal(2, round.ExitLayer));
    }

    [Fact]
    public void Exits_far_from_the_drafts_are_asked_though_all_layers_are_among_them()
    {
        var draft = new AutoDraft(CoarseCosts(), Layers, [1, 2, 3, 4, 6, 8, Layers], first: Layers, isRecommended: false, Longest, CopyError);
        for (var round = 0; round < 600; round++)
        {
            Round(draft, static exit => exit >= 6 ? 0 : 1);
        }

        // Drafts go by 6 by now; an exit that begins to be right is found.
        var rounds = Enumerable.Range(0, 8000).Select(_ => Round(draft, static exit => exit >= 6 || exit == 2 ? 0 : 1)).ToArray();
        Assert.Equal(6, rounds[0].ExitLayer);
        Assert.All(rounds[^100..], static round => Assert.Equal(2, round.ExitLayer));
    }

    [Fact]
    public void All_layers_draft_behind_a_single_input_of_a_request_by_itself()
    {
        var costs = CoarseCosts();
        var draft = new AutoDraft(costs, Layers, [Layers], first: Layers, isRecommended: true, Longest, CopyError);
        Assert.Equal(0, draft.Next(default, inputs: 5).Length);
        Assert.Equal(Layers, draft.Next(default, inputs: 1).ExitLayer);
        costs.Share(2, sharedRows: 32);
        Assert.Equal(0, draft.Next(default, inputs: 1).Length);
        costs.Share(1, sharedRows: 32);
        Assert.Equal(Layers, draft.Next(default, inputs: 1).ExitLayer);
    }

    [Fact]
    public void Copies_are_made_where_they_come_true_and_not_where_they_do_not()
    {
        var costs = StepCosts.Of(rows => 1 + (0.2 * (rows - 1)), 1, 0.2);
        var draft = new AutoDraft(costs, Layers, [], first: 1, isRecommended: false, Longest, CopyError);
        int Copies(int rounds, bool comeTrue)
        {
            var copies = 0;
            for (var round = 0; round < rounds; round++)
            {
                var match = new LookupMatch(3, 5);
                var plan = draft.Next(match, 1);
                Assert.Equal(0, plan.ExitLayer);
                copies += plan.Length;
                var right = comeTrue ? plan.Length + 1 : 0;
                draft.Learn(new RoundOutcome(0, plan.Length, comeTrue ? plan.Length : 0, new(3, right, !comeTrue), [], new int[right + 1]));
            }

            return copies;
        }

        Assert.InRange(Copies(50, comeTrue: true), 250, 50 * Longest);
        Copies(50, comeTrue: false);
        Assert.Equal(0, Copies(50, comeTrue: false));
        Copies(50, comeTrue: true);
        Assert.InRange(Copies(50, comeTrue: true), 250, 50 * Longest);
    }

    [Fact]
    public void A_draft_that_pays_alone_is_not_made_where_plain_steps_are_shared_by_many_and_drafts_by_none()
    {
        // Rows cost next to nothing, as where weights come from memory.
        var costs = StepCosts.Of(rows => 1 + (0.02 * (rows - 1)), 0.5, 0.2);
        var draft = new AutoDraft(costs, Layers, [2], first: 2, isRecommended: true, Longest, CopyError);
        Assert.InRange(Drafted(50), 4 * 50, Longest * 50);
        costs.Share(8, sharedRows: 32);
        Assert.InRange(Drafted(50), 50, Longest * 50);
        for (var i = 0; i < 100; i++)
        {
            costs.DraftedWith(1);
        }

        Drafted(20);
        Assert.Equal(0, Drafted(50));
        costs.Share(16, sharedRows: 0);
        Assert.InRange(Drafted(50), 4 * 50, Longest * 50);
        costs.Share(16, sharedRows: 32);
        costs.Share(1, sharedRows: 32);
        Assert.InRange(Drafted(50), 4 * 50, Longest * 50);

        int Drafted(int rounds) => Enumerable.Range(0, rounds).Sum(_ => Round(draft, static _ => 0).Drafted);
    }

    /// <summary>Rows cost little, as where weights come from memory, and a coarse layer half of another.</summary>
    private static StepCosts CoarseCosts() => StepCosts.Of(static rows => 1 + (0.05 * (rows - 1)), 1, 0.2, draftsCoarsely: true);

    /// <summary>A round in which the model's tokens are 0, and exits guess what they are told to, surely.</summary>
    private static (int ExitLayer, int Drafted) Round(AutoDraft draft, Func<int, int> guessOf)
    {
        var plan = draft.Next(default, 1);
        var (guesses, drafted) = Judge(draft, plan, guessOf);
        var accepted = guessOf(plan.ExitLayer) == 0 ? drafted : 0;
        draft.Learn(new RoundOutcome(plan.ExitLayer, drafted, accepted, default, guesses, new int[accepted + 1]));
        return (plan.ExitLayer, drafted);
    }

    /// <summary>All guesses of a round, and how many of them were drafted.</summary>
    private static (ExitGuess[] Guesses, int Drafted) Judge(AutoDraft draft, DraftPlan plan, Func<int, int> guessOf)
    {
        // What all layers say, no other step comes to.
        var guesses = (plan.Survey ?? []).Where(static exit => exit < Layers).Select(exit => new ExitGuess(exit, 0, new(guessOf(exit), 0.99f))).ToList();
        var drafted = 0;
        for (var verdict = GuessVerdict.Continue; verdict == GuessVerdict.Continue && drafted < plan.Length;)
        {
            guesses.Add(new(plan.ExitLayer, drafted, new(guessOf(plan.ExitLayer), 0.99f)));
            verdict = draft.Judge(guesses[^1].Guess, drafted, drafted);
            drafted += verdict == GuessVerdict.Drop ? 0 : 1;
        }

        return ([.. guesses], drafted);
    }

    /// <summary>Rounds of a controller whose exit is right with a given chance, and what they cost.</summary>
    private sealed class Simulation(bool isGood)
    {
        private readonly Random _random = new(11);
        private readonly RoundCost _cost = new(StepCosts.Of(rows => 1 + (0.3 * (rows - 1)), 1, 0.2), Layers);
        private readonly AutoDraft _draft =
            new(StepCosts.Of(rows => 1 + (0.3 * (rows - 1)), 1, 0.2), Layers, [2], first: 2, isGood, Longest, CopyError);

        private readonly List<(int Drafted, int Guesses)> _rounds = [];
        private int _drafted;
        private int _accepted;

        public double Cost { get; private set; }

        public int Tokens { get; private set; }

        public double Plain => _cost.Plain(1);

        public double AcceptanceRate => _accepted / (double)_drafted;

        public int DraftedIn(int last) => _rounds[^last..].Sum(round => round.Drafted);

        public int GuessesIn(int last) => _rounds[^last..].Sum(round => round.Guesses);

        public void Rounds(int count, double agreement, float confidence)
        {
            for (var round = 0; round < count; round++)
            {
                var plan = _draft.Next(default, 1);
                var guesses = new List<ExitGuess>();
                foreach (var exit in plan.Survey ?? [])
                {
                    guesses.Add(new(exit, 0, new(_random.NextDouble() < agreement ? 0 : 1, confidence)));
                }

                var (drafted, made) = (0, 0);
                for (var verdict = GuessVerdict.Continue; verdict == GuessVerdict.Continue && drafted < plan.Length;)
                {
                    guesses.Add(new(plan.ExitLayer, drafted, new(_random.NextDouble() < agreement ? 0 : 1, confidence)));
                    made++;
                    verdict = _draft.Judge(guesses[^1].Guess, drafted, drafted);
                    drafted += verdict == GuessVerdict.Drop ? 0 : 1;
                }

                var own = guesses.Where(guess => guess.ExitLayer == plan.ExitLayer && guess.Index < drafted).ToList();
                var accepted = own.TakeWhile(guess => guess.Guess.Token == 0).Count();
                _draft.Learn(new RoundOutcome(plan.ExitLayer, drafted, accepted, default, guesses.ToArray(), new int[accepted + 1]));
                _rounds.Add((drafted, guesses.Count));
                _drafted += drafted;
                _accepted += accepted;
                Tokens += accepted + 1;
                Cost += plan.Length > 0 ? _cost.Drafted(2, 1, made, drafted) : _cost.Plain(1) + (0.2 * guesses.Count);
            }
        }
    }
}
