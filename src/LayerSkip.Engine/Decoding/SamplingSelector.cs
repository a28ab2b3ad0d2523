using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>
/// Draws from processed distributions: draft tokens from p, the draft's; accepts x with probability min(1, q(x) / p(x)), q being the full
/// model's, and draws a rejected token's replacement from max(q - p, 0). The output then has exactly the distribution q (invariant I4).
/// Under temperature 0 both are one-hot, which is greedy decoding with logits processors.
/// </summary>
internal sealed class SamplingSelector : TokenSelector
{
    private readonly IDeviceModel _model;
    private readonly ILogitsProcessor[] _processors;
    private readonly ConstraintTrace? _constraint;
    private readonly Distribution _distribution;
    private readonly RandomNumbers _random;
    private readonly int _vocabulary;
    private float[][] _draft = [];
    private float[] _full = [];
    private int _guessed;
    private (ulong A, ulong B, ulong C, ulong D) _randomAtRoundStart;

    public SamplingSelector(IDeviceModel model, DecodingPlan plan, ConstraintTrace? constraint, ulong seed)
    {
        _model = model;
        _constraint = constraint;
        _processors = plan.LogitsProcessors;
        _vocabulary = model.Config.VocabularySize;
        _distribution = new Distribution(plan.Sampling, _vocabulary);
        _random = new RandomNumbers(seed);
        _randomAtRoundStart = _random.State;
    }

    public override void BeginRound()
    {
        _random.State = _randomAtRoundStart;
        _guessed = 0;
    }

    public override int? Draft(RowBuffer rows, int slot, ReadOnlySpan<int> context, int index)
    {
        var p = DraftDistribution(_guessed);
        _model.Logits(rows, slot, 1, p);
        if (!TryProcess(context, p, index))
        {
            return null;
        }

        _guessed++;
        return Distribution.Draw(p, _random.NextDouble());
    }

    public override (int Accepted, int? Next) Verify(RowBuffer rows, int slot, int count, ReadOnlySpan<int> tokens, int drafted)
    {
        var verdict = Judge(rows, slot, count, tokens, drafted);
        _randomAtRoundStart = _random.State;
        return verdict;
    }

    private (int Accepted, int? Next) Judge(RowBuffer rows, int slot, int count, ReadOnlySpan<int> tokens, int drafted)
    {
        // What a constraint forces needs no verdict; the head runs from the first row on that has one to give.
        var undecided = _constraint?.CountForced(drafted) ?? 0;
        if (undecided == drafted && (count == drafted || _constraint?.IsComplete(drafted) == true))
        {
            return (drafted, null);
        }

        FullLogits(rows, slot + undecided, count - undecided);
        var context = tokens.Length - drafted;
        var guess = 0;
        for (var i = undecided; i < drafted; i++)
        {
            if (IsForced(i))
            {
                continue;
            }

            var p = DraftDistribution(guess++).AsSpan();
            var q = _full.AsSpan((i - undecided) * _vocabulary, _vocabulary);
            var token = tokens[context + i];
            Process(tokens[..(context + i)], q, i);
            if (_random.NextDouble() * p[token] >= q[token])
            {
                return (i, Replace(token, q, p));
            }
        }

        if (count == drafted || _constraint?.IsComplete(drafted) == true)
        {
            return (drafted, null);
        }

        if (_constraint?.Forced(drafted) is { } forced)
        {
            return (drafted, forced);
        }

        var bonus = _full.AsSpan((drafted - undecided) * _vocabulary, _vocabulary);
        Process(tokens, bonus, drafted);
        return (drafted, Distribution.Draw(bonus, _random.NextDouble()));
    }

    private bool IsForced(int index) => _constraint?.Forced(index) is not null;

    private void FullLogits(RowBuffer rows, int slot, int count)
    {
        if (_full.Length < count * _vocabulary)
        {
            _full = new float[count * _vocabulary];
        }

        _model.Logits(rows, slot, count, _full.AsSpan(0, count * _vocabulary));
    }

    /// <summary>Draws from max(q - p, 0).</summary>
    private int Replace(int rejected, Span<float> q, ReadOnlySpan<float> p)
    {
        var mass = 0f;
        for (var i = 0; i < q.Length; i++)
        {
            q[i] = Math.Max(q[i] - p[i], 0);
            mass += q[i];
        }

        // Nothing is left only where p and q differ by rounding, and then the token was as good as accepted.
        return mass > 0 ? Distribution.Draw(q, _random.NextDouble()) : rejected;
    }

    /// <param name="context">Prompt, output and draft up to the token in question.</param>
    /// <param name="logits">Its logits.</param>
    /// <param name="index">Its number in the round, from 0.</param>
    private void Process(ReadOnlySpan<int> context, Span<float> logits, int index)
    {
        if (!TryProcess(context, logits, index))
        {
            throw _constraint?.NoTokenLeft(index) ?? Distribution.NoTokenLeft();
        }
    }

    private bool TryProcess(ReadOnlySpan<int> context, Span<float> logits, int index)
    {
        foreach (var processor in _processors)
        {
            processor.Process(context, logits);
        }

        _constraint?.Mask(index, logits);
        return _distribution.TryFromLogits(logits);
    }

    private float[] DraftDistribution(int index)
    {
        // Grown once to what the speculation length needs.
        if (index >= _draft.Length)
        {
            var grown = new float[index + 1][];
            _draft.CopyTo(grown, 0);
            for (var i = _draft.Length; i < grown.Length; i++)
            {
                grown[i] = new float[_vocabulary];
            }

            _draft = grown;
        }

        return _draft[index];
    }
}
