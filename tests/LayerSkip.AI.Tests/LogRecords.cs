using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Tests;

/// <summary>Keeps what is logged, from every category and level.</summary>
internal sealed class LogRecords : ILoggerProvider, ILogger
{
    public sealed record Entry(LogLevel Level, EventId Id, string Message, Exception? Error);

    private readonly ConcurrentQueue<Entry> _entries = new();

    public IReadOnlyList<Entry> All => [.. _entries];

    public IEnumerable<Entry> Of(int eventId) => _entries.Where(entry => entry.Id.Id == eventId);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _entries.Enqueue(new(logLevel, eventId, formatter(state, exception), exception));

    public void Dispose()
    {
    }
}
