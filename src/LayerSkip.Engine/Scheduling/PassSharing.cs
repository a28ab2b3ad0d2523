using System.Diagnostics;
using System.Runtime.InteropServices;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Scheduling;

/// <summary>Runs together what rounds that have begun wait for. Used by the engine's thread alone.</summary>
/// <param name="device">The model's device.</param>
internal sealed class PassSharing(IDeviceModel device)
{
    private static readonly Comparison<TokenReader> s_byLayers = static (one, other) => Layers(one).CompareTo(Layers(other));

    private readonly List<TokenReader> _waiting = [];
    private readonly List<RowPass> _passes = [];

    /// <summary>Runs passes of several requests as one, as many as the device takes. One that nothing can be run with is left to its request, which can be cancelled meanwhile.</summary>
    /// <param name="readers">Requests that run, and have begun a round. Where a shared pass fails, those that share it end, and no others.</param>
    public void Run(List<TokenReader> readers)
    {
        try
        {
            foreach (var reader in readers)
            {
                if (reader.Generation.Pass is not null)
                {
                    _waiting.Add(reader);
                }
            }

            _waiting.Sort(s_byLayers);
            for (var waiting = CollectionsMarshal.AsSpan(_waiting); waiting.Length > 0;)
            {
                var (count, rows) = Fitting(waiting);
                if (count > 1)
                {
                    Run(waiting[..count], rows);
                }

                waiting = waiting[count..];
            }
        }
        finally
        {
            _waiting.Clear();
        }
    }

    private static (int To, int From) Layers(TokenReader reader) => (reader.Generation.Pass!.Value.To, reader.Generation.Pass.Value.From);

    /// <summary>How many passes, from the first on, can be one, and their rows.</summary>
    private (int Count, int Rows) Fitting(ReadOnlySpan<TokenReader> waiting)
    {
        var (count, rows, to) = (0, 0, Layers(waiting[0]).To);
        foreach (var reader in waiting)
        {
            var pass = reader.Generation.Pass!.Value;
            if (pass.To != to || rows + pass.Count > device.SharedRows)
            {
                break;
            }

            (count, rows) = (count + 1, rows + pass.Count);
        }

        return (count, rows);
    }

    private static bool AnyAsksHead(ReadOnlySpan<RowPass> passes)
    {
        foreach (var pass in passes)
        {
            if (pass.AsksHead)
            {
                return true;
            }
        }

        return false;
    }

    private void Run(ReadOnlySpan<TokenReader> readers, int rows)
    {
        try
        {
            foreach (var reader in readers)
            {
                _passes.Add(reader.Generation.TakePass());
            }

            var passes = CollectionsMarshal.AsSpan(_passes);
            var start = Stopwatch.GetTimestamp();
            device.RunPasses(passes);
            var ticks = Stopwatch.GetTimestamp() - start;
            var shared = new SharedPassTime(ticks, passes[0].From == passes[^1].From ? rows : 0, Head: AnyAsksHead(passes));
            foreach (var reader in readers)
            {
                reader.Generation.PassHasRun(shared);
            }
        }
#pragma warning disable CA1031 // The device's failure, or memory that is short: nobody knows how far the passes came.
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
        }
    }
}
