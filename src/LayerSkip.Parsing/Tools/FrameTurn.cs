using LayerSkip.Parsing.Frames;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>The last user message of a conversation, and what was called on its behalf since.</summary>
internal sealed class FrameTurn
{
    private const string CallIdPrefix = "frame_";
    private const string FrameProperty = "layerskip.frame";

    private readonly Dictionary<string, object?> _resultsByPath = [];
    private readonly List<FunctionResultContent> _results = [];

    private FrameTurn(string utterance) => Utterance = utterance;

    /// <summary>What the user said; empty where there is no user message.</summary>
    public string Utterance { get; }

    /// <summary>The frame that the calls came of; null before any call, and where a history kept the calls without it.</summary>
    public FrameTree? Frame { get; private set; }

    /// <summary>The results of this client's calls, by <see cref="FrameCall.Path"/>.</summary>
    public IReadOnlyDictionary<string, object?> ResultsByPath => _resultsByPath;

    /// <summary>Whether tools have answered since the user spoke.</summary>
    public bool HasResults => _results.Count > 0;

    /// <summary>Whether there is no frame left to carry out: a tool failed, or the calls were another client's.</summary>
    public bool IsOver => _resultsByPath.Count == 0 || _results.Exists(static result => result.Exception is not null);

    /// <summary>Reads a conversation, once.</summary>
    /// <exception cref="ArgumentException">A message is null.</exception>
    public static FrameTurn Read(IReadOnlyList<ChatMessage> messages)
    {
        var user = -1;
        for (var i = 0; i < messages.Count; i++)
        {
            user = (messages[i] ?? throw new ArgumentException("The messages hold a null.", nameof(messages))).Role == ChatRole.User ? i : user;
        }

        var turn = new FrameTurn(user < 0 ? string.Empty : messages[user].Text.Trim());
        foreach (var content in messages.Skip(user + 1).SelectMany(static message => message.Contents))
        {
            turn.Add(content);
        }

        return turn;
    }

    /// <summary>Calls of one answer.</summary>
    public static List<AIContent> Contents(FrameTree frame, IEnumerable<FrameCall> calls)
    {
        var prefix = CallIdPrefix + Guid.NewGuid().ToString("N") + "_";
        return
        [
            .. calls.Select(call => new FunctionCallContent(prefix + call.Path, call.Tool.Name, call.Arguments)
            {
                AdditionalProperties = new() { [FrameProperty] = frame.ToString() },
            }),
        ];
    }

    /// <summary>What the tools said: the result that all others fed, or all of them where there is no such.</summary>
    public string ResultText() => _resultsByPath.TryGetValue(FrameCall.RootPath, out var answer) && !_results.Exists(static result => result.Exception is not null)
        ? Tools.ResultText.Of(answer)
        : string.Join('\n', _results.Select(static result => Tools.ResultText.Of(result.Result ?? result.Exception?.Message)));

    private void Add(AIContent content)
    {
        switch (content)
        {
            case FunctionCallContent call when PathOf(call.CallId) is not null:
                var text = Tools.ResultText.Of(call.AdditionalProperties?.GetValueOrDefault(FrameProperty));
                Frame ??= FrameTree.TryParse(text, out var frame) && frame.IsValid ? frame : null;
                break;
            case FunctionResultContent result:
                _results.Add(result);
                if (PathOf(result.CallId) is { } path)
                {
                    _resultsByPath[path] = result.Result;
                }

                break;
        }
    }

    private static string? PathOf(string callId) =>
        callId.StartsWith(CallIdPrefix, StringComparison.Ordinal) ? callId[(callId.LastIndexOf('_') + 1)..] : null;
}
