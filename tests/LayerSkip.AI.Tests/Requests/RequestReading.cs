using System.Collections.Concurrent;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSkip.AI.Tests.Requests;

/// <summary>Short ways to read requests in tests.</summary>
internal static class RequestReading
{
    public static UnsupportedOptions Ignoring { get; } = new(UnsupportedOptionBehavior.Ignore, NullLogger.Instance);

    public static List<TemplateMessage> Read(params ChatMessage[] messages) => Conversation.Read(messages, instructions: null, Ignoring);

    public static string Text(this IEnumerable<TemplateMessage> messages) =>
        string.Join('|', messages.Select(message => $"{message.Role}:{message.Content}"));

    public static TemplateMessage Turn(string role, string content) => new() { Role = role, Content = content };
}

/// <summary>Keeps what is logged.</summary>
internal sealed class LogRecorder<T> : ILogger<T>
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Entries { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Entries.Enqueue((logLevel, formatter(state, exception)));
}
