using System.Diagnostics;
using System.Runtime.InteropServices;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Scheduling;

/// <summary>Runs together what rounds that have begun wait for: passes, or the rounds as a whole. Used by the engine's thread alone.</summary>
/// <param name="device">The model's device.</param>
internal sealed class PassSharing(IDeviceModel device)
{
    // What may run together stands together.
    private static readonly Comparison<TokenReader> s_byKind = static (one, other) => (one.Generation, other.Generation) switch
    {
        ({ Pass: { } pass }, { Pass: { } with }) => (pass.To, pass.IsPrompt, pass.From).CompareTo((with.To, with.IsPrompt, with.From)),
        ({ WholeRound: { } round }, { WholeRound: { } with }) => (round.Kind, round.Length).CompareTo((with.Kind, with.Length)),
        var (first, _) => first.Pass is null ? 1 : -1,
    };

    private readonly List<TokenReader> _waiting = [];
    private readonly List<RowPass> _passes = [];
    private readonly List<DeviceRound> _rounds = [];
    private readonly List<DeviceRoundResult> _results = [];

    // Rows of whole rounds that are run together: fewer while the device's memory is short of more.
    private int _roundRows = device.SharedRows;

    /// <summary>
    /// Runs what several requests wait for as one, as much as the device takes: first their drafts, step by step, then what comes behind. What nothing can be run with is left to
    /// its request, which can be cancelled meanwhile.
    /// </summary>
    /// <param name="readers">Requests that run, and have begun a round. Where what some share fails, those end, and no others.</param>
    public void Run(List<TokenReader> readers)
    {
        // All draft before any verifies: what they have drafted can then be verified together.
        while (Run(readers, isDrafting: true))
        {
            foreach (var reader in readers)
            {
                if (Waits(reader, isDrafting: true))
                {
                    reader.GoOn();
                }
            }
        }

        Run(readers, isDrafting: false);
    }

    /// <summary>A request has given up its memory: rounds that there was too little for may find enough.</summary>
    public void MemoryIsFreed() => _roundRows = device.SharedRows;

    private static bool Waits(TokenReader reader, bool isDrafting) =>
        !reader.HasEnded && reader.Generation.Waits && reader.Generation.IsDrafting == isDrafting;

    /// <summary>Runs as one what several requests wait for.</summary>
    /// <param name="readers">Among these.</param>
    /// <param name="isDrafting">Whether steps of drafts are meant, or what comes behind them.</param>
    /// <returns>Whether any waits, and can go on now.</returns>
    private bool Run(List<TokenReader> readers, bool isDrafting)
    {
        try
        {
            foreach (var reader in readers)
            {
                if (Waits(reader, isDrafting))
                {
                    _waiting.Add(reader);
                }
            }

            _waiting.Sort(s_byKind);
            for (var waiting = CollectionsMarshal.AsSpan(_waiting); waiting.Length > 0;)
            {
                var (count, rows) = waiting[0].Generation.Pass is null ? (FittingRounds(waiting), 0) : FittingPasses(waiting);
                if (count > 1)
                {
                    Run(waiting[..count], rows);
                }

                waiting = waiting[count..];
            }

            return _waiting.Count > 0;
        }
        finally
        {
            _waiting.Clear();
        }
    }

    /// <summary>How many passes, from the first on, can be one, and their rows; 1 where none can.</summary>
    private (int Count, int Rows) FittingPasses(ReadOnlySpan<TokenReader> waiting)
    {
        var (count, rows, first) = (0, 0, waiting[0].Generation.Pass!.Value);
        var most = first.IsPrompt ? device.SharedPromptRows : device.SharedRows;
        foreach (var reader in waiting)
        {
            if (reader.Generation.Pass is not { } pass || pass.To != first.To || pass.IsPrompt != first.IsPrompt || rows + pass.Count > most)
            {
                break;
            }

            (count, rows) = (count + 1, rows + pass.Count);
        }

        return (Math.Max(1, count), rows);
    }

    /// <summary>How many whole rounds, from the first on, can be one; 1 where none can.</summary>
    private int FittingRounds(ReadOnlySpan<TokenReader> waiting)
    {
        var (count, kind) = (1, waiting[0].Generation.WholeRound!.Value.Kind);
        foreach (var reader in waiting[1..])
        {
            // The longest comes last.
            var round = reader.Generation.WholeRound!.Value;
            if (round.Kind != kind || (count + 1) * round.Slots > _roundRows)
            {
                break;
            }

            count++;
        }

        return count;
    }

    private static int Heads(ReadOnlySpan<RowPass> passes)
    {
        var heads = 0;
        foreach (var pass in passes)
        {
            heads += pass.AsksHead ? 1 : 0;
        }

        return heads;
    }

    /// <summary>Runs as one what requests wait for.</summary>
    /// <param name="readers">The requests.</param>
    /// <param name="rows">Rows of their passes; 0: they wait for their rounds as a whole.</param>
    private void Run(ReadOnlySpan<TokenReader> readers, int rows)
    {
        try
        {
            if (rows > 0)
            {
                RunPasses(readers, rows);
            }
            else
            {
                RunRounds(readers);
            }
        }
        catch (OutOfMemoryException) when (rows == 0)
        {
            // Nothing has run. They still wait for their rounds, and each has it alone.
            _roundRows = (readers.Length * readers[^1].Generation.WholeRound!.Value.Slots) - 1;
        }
#pragma warning disable CA1031 // The device's failure, or memory that is short: nobody knows how far it came.
        catch (Exception e)
#pragma warning restore CA1031
        {
            foreach (var reader in readers)
            {
                reader.End(e);
            }
        }
        finally
        {
            _passes.Clear();
            _rounds.Clear();
        }
    }

    private void RunPasses(ReadOnlySpan<TokenReader> readers, int rows)
    {
        foreach (var reader in readers)
        {
            _passes.Add(reader.Generation.TakePass());
        }

        var passes = CollectionsMarshal.AsSpan(_passes);
        var start = Stopwatch.GetTimestamp();
        device.RunPasses(passes);
        var ticks = Stopwatch.GetTimestamp() - start;
        var shared = new SharedPassTime(ticks, passes.Length, passes[0].From == passes[^1].From ? rows : 0, Heads(passes));
        foreach (var reader in readers)
        {
            reader.Generation.PassHasRun(shared);
        }
    }

    private void RunRounds(ReadOnlySpan<TokenReader> readers)
    {
        foreach (var reader in readers)
        {
            _rounds.Add(reader.Generation.WholeRound!.Value);
        }

        CollectionsMarshal.SetCount(_results, readers.Length);
        var results = CollectionsMarshal.AsSpan(_results);
        var start = Stopwatch.GetTimestamp();
        device.RunRounds(CollectionsMarshal.AsSpan(_rounds), results);
        var ticks = Stopwatch.GetTimestamp() - start;
        for (var i = 0; i < readers.Length; i++)
        {
            readers[i].Generation.RoundHasRun(results[i], ticks);
        }
    }
}
