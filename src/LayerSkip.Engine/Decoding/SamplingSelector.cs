using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>
/// Draws from processed distributions, draft tokens from the exit's and output tokens from the full model's, each position with random numbers of
/// its own that both share. A draft token is accepted where the full model draws the same one; so the output is what the full model alone would have
/// drawn with this seed, token for token (invariant I4). Under temperature 0 this is greedy decoding with logits processors. To accept with probability min(1, q / p) and else to
/// draw from what q has beyond p, as papers on speculative sampling do, gives the same distribution, but other tokens than without drafts (docs/exactness.md).
/// </summary>
internal sealed class SamplingSelector : TokenSelector
{
    private readonly IDeviceModel _model;
    private readonly LogitsRoom _logits;
    private readonly ILogitsProcessor[] _processors;
    private readonly ConstraintTrace? _constraint;
    private readonly Distribution _distribution;
    private readonly ExponentialRace _race;
    private readonly int _vocabulary;
    private readonly bool _usesDraftHead;

    public SamplingSelector(IDeviceModel model, DecodingPlan plan, SequenceMemory memory, ConstraintTrace? constraint, ulong seed)
    {
        (_model, _logits) = (model, memory.Logits);
        _constraint = constraint;
        _processors = plan.LogitsProcessors;
        _vocabulary = model.Config.VocabularySize;
        _distribution = new Distribution(plan.Sampling);
        _race = new ExponentialRace(seed);
        _usesDraftHead = plan.UsesDraftHead;
    }

    public override RowPass AskDraft(in RowPass pass) => pass with { Logits = _logits.Of(1), IsDraft = _usesDraftHead };

    public override TokenGuess? Draft(RowBuffer rows, int slot, ReadOnlySpan<int> context, int index, bool isAnswered)
    {
        var logits = _logits.Rows(1);
        if (!isAnswered && _usesDraftHead)
        {
            _model.DraftLogits(rows, slot, logits);
        }
        else if (!isAnswered)
        {
            _model.Logits(rows, slot, 1, logits);
        }

        if (!TryProcess(context, logits, index))
        {
            return null;
        }

        var token = _race.Winner(logits, context.Length);
        return new(token, logits[token]);
    }

    public override RowPass Ask(in RowPass pass, int drafted) =>
        _constraint?.CountForced(drafted) > 0 ? pass : pass with { Logits = _logits.Of(pass.Read) };

    public override (int Accepted, int? Next) Verify(RowBuffer rows, int slot, int count, ReadOnlySpan<int> tokens, int drafted, bool isAnswered)
    {
        // What a constraint forces needs no verdict; the head runs from the first row on that has one to give.
        var undecided = _constraint?.CountForced(drafted) ?? 0;
        if (undecided == drafted && (count == drafted || _constraint?.IsComplete(drafted) == true))
        {
            return (drafted, null);
        }

        var logits = _logits.Rows(count - undecided);
        if (!isAnswered)
        {
            _model.Logits(rows, slot + undecided, count - undecided, logits);
        }

        var context = tokens.Length - drafted;
        for (var i = undecided; i < count; i++)
        {
            if (i == drafted && _constraint?.IsComplete(drafted) == true)
            {
                break;
            }

            var choice = _constraint?.Forced(i) ?? Choose(tokens[..(context + i)], logits.Slice((i - undecided) * _vocabulary, _vocabulary), i);
            if (i == drafted || choice != tokens[context + i])
            {
                return (i, choice);
            }
        }

        return (drafted, null);
    }

    /// <summary>Draws a token; -1 where none is left.</summary>
    /// <param name="context">Prompt, output and draft up to the token in question.</param>
    /// <param name="logits">Its logits.</param>
    /// <param name="index">Its number in the round, from 0.</param>
    private int Choose(ReadOnlySpan<int> context, Span<float> logits, int index) => TryProcess(context, logits, index)
        ? _race.Winner(logits, context.Length)
        : -1;

    private bool TryProcess(ReadOnlySpan<int> context, Span<float> logits, int index)
    {
        foreach (var processor in _processors)
        {
            processor.Process(context, logits);
        }

        _constraint?.Mask(index, logits);
        return _distribution.TryFromLogits(logits);
    }
}
