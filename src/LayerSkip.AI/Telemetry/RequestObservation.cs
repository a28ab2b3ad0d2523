using System.Diagnostics;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Telemetry;

/// <summary>What is seen of one request from outside: its updates and its end.</summary>
internal sealed class RequestObservation : IDisposable
{
    private readonly string _model;
    private readonly Instruments _instruments;
    private readonly ILogger _logger;
    private readonly Activity? _activity;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly TimeSpan _before;
    private readonly int _promptTokens;
    private TimeSpan? _first;
    private Exception? _error;
    private UsageContent? _usage;
    private ChatResponseUpdate? _end;
    private AdditionalPropertiesDictionary? _properties;

    /// <param name="model">The model's name.</param>
    /// <param name="request">What is asked of it.</param>
    /// <param name="before">Time that the request took already.</param>
    /// <param name="instruments">Measure it.</param>
    /// <param name="logger">Is told of it.</param>
    public RequestObservation(string model, ChatRequest request, TimeSpan before, Instruments instruments, ILogger logger)
    {
        (_model, _before, _instruments, _logger, _promptTokens) = (model, before, instruments, logger, request.Prompt.Length);
        _activity = Spans.StartChat(model, before);
        if (_activity is { IsAllDataRequested: true } activity)
        {
            Spans.AddRequest(activity, request);
        }

        Log.Answering(logger, model, _promptTokens);
    }

    /// <summary>Tokens are there, of which the consumer may see nothing yet: a call comes whole, and reasoning may be hidden.</summary>
    public void SeeTokens() => _first ??= Elapsed;

    /// <summary>Looks at an update before the consumer does.</summary>
    public void See(ChatResponseUpdate update)
    {
        _properties = update.AdditionalProperties ?? _properties;
        if (update.FinishReason is not null)
        {
            _end = update;
            _usage = update.Contents.OfType<UsageContent>().FirstOrDefault();
        }
    }

    public void Fail(Exception error) => _error = error;

    /// <summary>The request has ended: as its last update says, with an error, or because its consumer left.</summary>
    public void Dispose()
    {
        var elapsed = Elapsed;
        if (_error is { } error)
        {
            EndFailed(error, elapsed);
        }
        else if (_end is { } end && _usage is { } usage)
        {
            EndAnswered(end, usage.Details, usage.RawRepresentation as GenerationStatistics? ?? default, elapsed);
        }
        else
        {
            Log.Abandoned(_logger, _model, elapsed.TotalMilliseconds);
            _instruments.OperationDuration.Record(elapsed.TotalSeconds, Tags());
        }

        _activity?.Dispose();
    }

    private void EndFailed(Exception error, TimeSpan elapsed)
    {
        var tags = Tags();
        Spans.AddError(_activity, ref tags, error);
        _instruments.OperationDuration.Record(elapsed.TotalSeconds, tags);
        Log.EndedBy(_logger, error, _model, elapsed);
    }

    private void EndAnswered(ChatResponseUpdate end, UsageDetails usage, GenerationStatistics statistics, TimeSpan elapsed)
    {
        var reason = end.FinishReason!.Value.Value;
        var outputTokens = usage.OutputTokenCount ?? 0;
        var tags = Tags();
        tags.Add(AttributeNames.ResponseModel, _model);
        _instruments.OperationDuration.Record(elapsed.TotalSeconds, tags);
        var first = _first ?? elapsed;
        _instruments.TimeToFirstToken.Record(first.TotalSeconds, tags);
        if (statistics.Tokens > statistics.FirstRoundTokens)
        {
            _instruments.TimePerOutputToken.Record(
                statistics.DecodeTime.TotalSeconds / (statistics.Tokens - statistics.FirstRoundTokens), tags);
        }

        _instruments.RecordTokens(usage, tags);
        RecordDraft(statistics);
        if (_activity is { IsAllDataRequested: true } activity)
        {
            Spans.AddResponse(activity, end, usage, statistics, _properties, first);
        }

        Log.Answered(
            _logger, end.ResponseId, _model, outputTokens, reason, _promptTokens, elapsed.TotalMilliseconds, statistics.Accepted, statistics.Drafted);
    }

    private void RecordDraft(in GenerationStatistics statistics)
    {
        var mode = _properties?.GetValueOrDefault(PropertyNames.DecodingMode) as string;
        var tags = new TagList { { AttributeNames.RequestModel, _model }, { AttributeNames.DecodingMode, mode } };
        if (statistics.Drafted > 0)
        {
            _instruments.AcceptanceRate.Record(statistics.AcceptanceRate, tags);
            if (statistics.DraftRounds > statistics.LookupRounds)
            {
                _instruments.ExitLayer.Record(statistics.MeanExitLayer, tags);
            }

            RecordOutcome("accepted", statistics.Accepted, tags);
            RecordOutcome("rejected", statistics.Drafted - statistics.Accepted, tags);
        }
        else if (mode == DecodingModeNames.Of(DecodingMode.EarlyExit) && _properties?.GetValueOrDefault(PropertyNames.ExitLayer) is int exitLayer)
        {
            _instruments.ExitLayer.Record(exitLayer, tags);
        }
    }

    private void RecordOutcome(string outcome, int tokens, TagList tags)
    {
        tags.Add(AttributeNames.DraftOutcome, outcome);
        _instruments.DraftTokens.Add(tokens, tags);
    }

    private TimeSpan Elapsed => _before + Stopwatch.GetElapsedTime(_start);

    private TagList Tags() => Spans.Tags(Spans.ChatOperation, _model);
}
