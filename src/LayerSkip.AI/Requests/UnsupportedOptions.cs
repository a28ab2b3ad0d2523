using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Requests;

/// <summary>Deals with what a request asks for and the client cannot do, as the client was told to.</summary>
internal sealed partial class UnsupportedOptions(UnsupportedOptionBehavior behavior, ILogger logger)
{
    // What requests say is part of a warning: hostile ones shall not fill the memory.
    private const int MaxWarnings = 256;

    private readonly ConcurrentDictionary<string, bool> _warned = new();

    /// <param name="option">What the request holds, such as <c>ChatOptions.Tools</c>.</param>
    /// <exception cref="NotSupportedException">The client refuses such requests.</exception>
    public void Report(string option)
    {
        switch (behavior)
        {
            case UnsupportedOptionBehavior.Throw:
                throw new NotSupportedException($"{option} is not supported by {nameof(LayerSkipChatClient)}.");
            case UnsupportedOptionBehavior.Warn when _warned.Count < MaxWarnings && _warned.TryAdd(option, true):
                LogIgnored(logger, option);
                break;
        }
    }

    /// <summary>The output is not held to some keywords of a schema.</summary>
    /// <param name="schema">Whose schema it is.</param>
    /// <param name="keywords">The keywords; <c>*</c> stands for all.</param>
    /// <exception cref="NotSupportedException">The client refuses such requests.</exception>
    public void ReportLeftOut(string schema, IReadOnlyList<string> keywords)
    {
        if (keywords.Count > 0)
        {
            Report(keywords[0] == "*" ? $"A schema of this size ({schema})" : $"What {schema} says with {string.Join(", ", keywords)}");
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Option} is not supported and is ignored, in this and all further requests.")]
    private static partial void LogIgnored(ILogger logger, string option);
}
