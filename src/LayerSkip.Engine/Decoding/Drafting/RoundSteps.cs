using System.Diagnostics;
using System.Runtime.InteropServices;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>A round's steps on the device, as a controller wants to know of them: how long they take, and what exits guess on the way.</summary>
/// <param name="model">The model.</param>
/// <param name="selector">Chooses tokens.</param>
/// <param name="tokens">Context and draft.</param>
/// <param name="constraint">What it forces needs no guess.</param>
/// <param name="costs">Told how long steps take; null: nobody asks.</param>
internal sealed class RoundSteps(IDeviceModel model, TokenSelector selector, Transcript tokens, ConstraintTrace? constraint, StepCosts? costs)
{
    private const int PlainStepsPerSample = 4;

    private readonly List<ExitGuess> _guesses = new(4 * DecodingPlan.MaxSpeculations);
    private DraftPlan _plan;
    private int _first;
    private StepCosts? _told;
    private int _untimed;
    private bool _isAsked;

    /// <summary>All guesses of the round, drafted or noted.</summary>
    public ReadOnlySpan<ExitGuess> Guesses => CollectionsMarshal.AsSpan(_guesses);

    /// <summary>A round begins, perhaps again after it has failed.</summary>
    /// <param name="plan">What it drafts.</param>
    /// <param name="first">Slot of the last token before the draft.</param>
    public void Begin(in DraftPlan plan, int first)
    {
        (_plan, _first) = (plan, first);

        // The time of plain steps is known soon, and to take it is work, too; but where nothing is drafted, surveys alone tell what a guess takes.
        _untimed = plan.Length > 0 ? 0 : _untimed + 1;
        _told = plan.Survey is not null || _untimed % PlainStepsPerSample == 0 ? costs : null;
        _guesses.Clear();
    }

    /// <summary>Runs layers up to the last exit under survey that the rows have not come to.</summary>
    /// <returns>What remains of the pass.</returns>
    public RowPass RunSurvey(in RowPass pass, CancellationToken cancellationToken)
    {
        var from = pass.From;
        foreach (var exit in _plan.Survey ?? [])
        {
            if (exit > from && exit < pass.To && pass.Start - _first < _plan.SurveyRows)
            {
                Run(pass with { From = from, To = exit, Unread = 0 }, cancellationToken);
                from = exit;
                Note(pass.Rows, pass.Start, pass.Count, exit);
            }
        }

        return pass with { From = from };
    }

    /// <summary>Ends a step of the draft, which has waited for others' perhaps: runs it if nobody has.</summary>
    /// <param name="step">The step.</param>
    /// <param name="shared">How long it took, together with others'; null: nobody has run it.</param>
    /// <param name="cancellationToken">Looked at here, and between layers.</param>
    public void EndDraftStep(in RowPass step, in SharedPassTime? shared, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (shared is null)
        {
            // Verification goes on with all of its rows.
            Run(step with { Unread = 0 }, cancellationToken);
        }
        else if (shared is { Rows: > 0 } time)
        {
            costs?.AddDraftStep(time.Rows, step.To - step.From, time.Heads, time.Ticks);
        }

        // The first step, a prompt's perhaps, tells nothing of how those are shared that follow.
        if (step.Start > 0)
        {
            costs?.DraftedWith(shared?.Sequences ?? 1);
        }
    }

    /// <summary>Runs the layers below the exit over those rows of a draft that have run by coarse weights, so that all stand behind the exit as the model has it.</summary>
    /// <param name="rows">The round's rows.</param>
    /// <param name="draft">The draft; its rows are the last ones.</param>
    /// <param name="end">End of its rows.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <returns>The layers that all rows have run: none where all have run by coarse weights, for verification runs them then.</returns>
    public int RunAgain(RowBuffer rows, in PreparedDraft draft, int end, CancellationToken cancellationToken)
    {
        if (draft.CoarseRows == 0)
        {
            return draft.Exit;
        }

        var start = end - draft.CoarseRows;
        model.Embed(rows, start, tokens.Slice(tokens.Count + draft.Rows - draft.CoarseRows, draft.CoarseRows));
        if (start == 0)
        {
            return 0;
        }

        Run(new(rows, start, draft.CoarseRows, From: 0, To: draft.Exit, Unread: 0), cancellationToken);
        return draft.Exit;
    }

    /// <summary>Ends the pass over the last layers, likewise.</summary>
    /// <param name="pass">The pass.</param>
    /// <param name="shared">How long it took, together with others'; null: nobody has run it.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void EndPass(in RowPass pass, in SharedPassTime? shared, CancellationToken cancellationToken)
    {
        if (shared is null)
        {
            Run(pass, cancellationToken);
        }
        else if (shared is { Rows: > 0 } time)
        {
            costs?.AddPass(time.Rows, pass.To - pass.From, time.Heads > 0, time.Ticks);
        }
    }

    /// <summary>A step of the draft, with what <see cref="Guess"/> asks about its last row.</summary>
    public RowPass AskGuess(in RowPass step) => selector.AskDraft(step);

    /// <summary>The draft's next token, or null where none can follow.</summary>
    /// <param name="rows">The round's rows.</param>
    /// <param name="slot">Slot of the last token, standing after the exit layer.</param>
    /// <param name="index">Tokens of the draft so far.</param>
    /// <param name="exit">The exit layer.</param>
    /// <param name="isAnswered">Whether the step that <see cref="AskGuess"/> gave has been run, its head included.</param>
    public TokenGuess? Guess(RowBuffer rows, int slot, int index, int exit, bool isAnswered)
    {
        var told = isAnswered ? null : _told;
        var start = told is null ? 0 : Stopwatch.GetTimestamp();
        var guess = selector.Draft(rows, slot, tokens.With(index), index, isAnswered);
        told?.AddGuess(Stopwatch.GetTimestamp() - start);
        if (guess is { } made)
        {
            _guesses.Add(new(exit, index, made));
        }

        return guess;
    }

    /// <summary>The pass over the last layers, with what verification asks about its rows.</summary>
    public RowPass Ask(in RowPass pass, int drafted)
    {
        var asked = selector.Ask(pass, drafted);
        _isAsked = asked.AsksHead;
        return asked;
    }

    /// <summary>As <see cref="TokenSelector.Verify"/>, by the rows of a pass.</summary>
    /// <param name="pass">The pass, which has been run.</param>
    /// <param name="drafted">Tokens of the draft.</param>
    /// <param name="hasRun">Whether what <see cref="Ask"/> gave has been run, its head included.</param>
    public (int Accepted, int? Next) Verify(in RowPass pass, int drafted, bool hasRun)
    {
        var isAnswered = hasRun && _isAsked;
        var told = isAnswered ? null : _told;
        var start = told is null ? 0 : Stopwatch.GetTimestamp();
        var verdict = selector.Verify(pass.Rows, pass.FirstRead, pass.Read, tokens.With(drafted), drafted, isAnswered);
        told?.AddHead(pass.Read, Stopwatch.GetTimestamp() - start);
        return verdict;
    }

    private void Run(in RowPass pass, CancellationToken cancellationToken)
    {
        var began = _told is null ? 0 : Stopwatch.GetTimestamp();
        if (pass.Weights != DraftWeights.Exact)
        {
            model.RunDraftLayers(pass.Rows, pass.Start, pass.Count, pass.From, pass.To, pass.Weights, cancellationToken);
            _told?.AddCoarseLayers(pass.Count, pass.To - pass.From, Stopwatch.GetTimestamp() - began);
            return;
        }

        if (pass.Unread > 0)
        {
            model.RunFinalLayers(pass.Rows, pass.Start, pass.Count, pass.From, pass.To, pass.Unread, cancellationToken);
        }
        else
        {
            model.RunLayers(pass.Rows, pass.Start, pass.Count, pass.From, pass.To, cancellationToken);
        }

        _told?.AddLayers(pass.Count, pass.To - pass.From, Stopwatch.GetTimestamp() - began);
    }

    private void Note(RowBuffer rows, int start, int count, int exit)
    {
        try
        {
            constraint?.IsDrafting = true;
            for (var slot = Math.Max(start, _first); slot < start + count && slot - _first < _plan.SurveyRows; slot++)
            {
                if (constraint?.Forced(slot - _first) is null && constraint?.IsComplete(slot - _first) != true)
                {
                    Guess(rows, slot, slot - _first, exit, isAnswered: false);
                }
            }
        }
        catch (ConstraintException)
        {
            // What takes too much to tell of a guess that nobody drafts stays unknown.
        }
        finally
        {
            constraint?.IsDrafting = false;
        }
    }
}
