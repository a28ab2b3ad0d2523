using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace LayerSkip.AI.Tests.Telemetry;

/// <summary>What the instruments of one container measure.</summary>
internal sealed class Measurements : IDisposable
{
    public sealed record Entry(string Instrument, string? Unit, double Value, IReadOnlyDictionary<string, object?> Tags);

    private readonly ConcurrentQueue<Entry> _entries = new();
    private readonly MeterListener _listener = new();

    /// <param name="scope">The meter factory, since meters of one name stand side by side in a process.</param>
    public Measurements(IMeterFactory scope)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == scope && instrument.Meter.Name == LayerSkipTelemetry.SourceName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public IReadOnlyList<Entry> All => [.. _entries];

    public Entry Single(string instrument, params (string Name, object Value)[] tags) => Assert.Single(Of(instrument, tags));

    public IEnumerable<Entry> Of(string instrument, params (string Name, object Value)[] tags) => _entries.Where(entry =>
        entry.Instrument == instrument && tags.All(tag => tag.Value.Equals(entry.Tags.GetValueOrDefault(tag.Name))));

    /// <summary>The values of the observable instruments now.</summary>
    public Dictionary<string, double> Observe()
    {
        _entries.Clear();
        _listener.RecordObservableInstruments();
        return _entries.ToDictionary(entry => entry.Instrument, entry => entry.Value);
    }

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _entries.Enqueue(new(instrument.Name, instrument.Unit, value, tags.ToArray().ToDictionary()));
}
