using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>What schemas may take that are compiled into one grammar: hostile ones cost bounded time and memory, each and all together.</summary>
internal sealed class SchemaBudget(Grammar grammar)
{
    private readonly Allowance _work = new(300_000, 1_200_000);
    private readonly Allowance _text = new(256 << 10, 1 << 20);
    private readonly Allowance _nodes = new(120_000, 480_000);
    private readonly Allowance _grammarWork = new(1_200_000, 4_000_000);
    private readonly Allowance _states = new(40_000, 80_000);
    private long _lastNodes;
    private long _lastWork;

    /// <summary>States that automata may still have.</summary>
    public int StatesLeft => (int)_states.Left;

    /// <summary>A schema is compiled, or compiled again.</summary>
    public void Begin()
    {
        foreach (var allowance in (ReadOnlySpan<Allowance>)[_work, _text, _nodes, _grammarWork, _states])
        {
            allowance.Begin();
        }

        (_lastNodes, _lastWork) = (grammar.NodeCount, grammar.Work);
    }

    /// <summary>Looking at so many values of the schema, once each.</summary>
    /// <exception cref="SchemaBudgetException">It is too much.</exception>
    public void Spend(long work)
    {
        _work.Spend(work);
        Check();
    }

    /// <summary>Spelling so many bytes of the schema's text.</summary>
    /// <exception cref="SchemaBudgetException">It is too much.</exception>
    public void SpendText(long bytes) => _text.Spend(bytes);

    /// <summary>Having so many states; beyond what is left none are left.</summary>
    public void SpendStates(int states) => _states.Spend(Math.Min(states, _states.Left));

    /// <summary>Counts what has been built since.</summary>
    /// <exception cref="SchemaBudgetException">It is too much, or too deep.</exception>
    public void Check()
    {
        var (nodes, work) = (grammar.NodeCount, grammar.Work);
        _nodes.Spend(nodes - _lastNodes);
        _grammarWork.Spend(work - _lastWork);
        (_lastNodes, _lastWork) = (nodes, work);
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new SchemaBudgetException();
        }
    }

    /// <summary>So much for one schema, and so much for all.</summary>
    private sealed class Allowance(long each, long all)
    {
        private long _all = all;

        public long Left { get; private set; }

        public void Begin() => Left = Math.Min(each, _all);

        public void Spend(long amount)
        {
            if (amount > Left)
            {
                _all -= Left;
                Left = 0;
                throw new SchemaBudgetException();
            }

            Left -= amount;
            _all -= amount;
        }
    }
}
