using System.Diagnostics;
using System.Runtime.InteropServices;
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

        // The time of plain steps is known soon, and to take it is work, too.
        _untimed = plan.Length > 0 ? 0 : _untimed + 1;
        _told = _untimed % PlainStepsPerSample == 0 ? costs : null;
        _guesses.Clear();
    }

    /// <summary>Runs the layers [from, to) over slots, pausing at the exits under survey that lie between.</summary>
    /// <param name="rows">The round's rows.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="unread">How many of the first slots nobody looks at afterwards, as in <see cref="IDeviceModel.RunFinalLayers"/>.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, int unread, CancellationToken cancellationToken)
    {
        from = RunSurvey(rows, start, count, from, to, cancellationToken);
        Run(rows, start, count, from, to, unread, cancellationToken);
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

    /// <summary>Runs layers up to the last exit under survey that the rows have not come to.</summary>
    /// <param name="rows">The round's rows.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers that there are to run, exclusive.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <returns>The layer that the rows then stand before.</returns>
    public int RunSurvey(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken)
    {
        foreach (var exit in _plan.Survey ?? [])
        {
            if (exit > from && exit < to && start - _first < _plan.SurveyRows)
            {
                Run(rows, start, count, from, exit, unread: 0, cancellationToken);
                from = exit;
                Note(rows, start, count, exit);
            }
        }

        return from;
    }

    /// <summary>The pass over the last layers, with what verification asks about its rows.</summary>
    public RowPass Ask(in RowPass pass, int drafted)
    {
        var asked = selector.Ask(pass, drafted);
        _isAsked = asked.AsksHead;
        return asked;
    }

    /// <summary>As <see cref="TokenSelector.Verify"/>.</summary>
    /// <param name="rows">The round's rows.</param>
    /// <param name="slot">Slot of the last token before the draft.</param>
    /// <param name="count">Rows to judge by.</param>
    /// <param name="drafted">Tokens of the draft.</param>
    /// <param name="hasRun">Whether the pass that <see cref="Ask"/> gave has been run, its head included.</param>
    public (int Accepted, int? Next) Verify(RowBuffer rows, int slot, int count, int drafted, bool hasRun)
    {
        var isAnswered = hasRun && _isAsked;
        var told = isAnswered ? null : _told;
        var start = told is null ? 0 : Stopwatch.GetTimestamp();
        var verdict = selector.Verify(rows, slot, count, tokens.With(drafted), drafted, isAnswered);
        told?.AddHead(count, Stopwatch.GetTimestamp() - start);
        return verdict;
    }

    private void Run(RowBuffer rows, int start, int count, int from, int to, int unread, CancellationToken cancellationToken)
    {
        var began = _told is null ? 0 : Stopwatch.GetTimestamp();
        if (unread > 0)
        {
            model.RunFinalLayers(rows, start, count, from, to, unread, cancellationToken);
        }
        else
        {
            model.RunLayers(rows, start, count, from, to, cancellationToken);
        }

        _told?.AddLayers(count, to - from, Stopwatch.GetTimestamp() - began);
    }

    private void Note(RowBuffer rows, int start, int count, int exit)
    {
        for (var slot = Math.Max(start, _first); slot < start + count && slot - _first < _plan.SurveyRows; slot++)
        {
            if (constraint?.Forced(slot - _first) is null && constraint?.IsComplete(slot - _first) != true)
            {
                Guess(rows, slot, slot - _first, exit, isAnswered: false);
            }
        }
    }
}
