using System.Text.Json;
using LayerSkip.AI;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Scheduling;
using Microsoft.AspNetCore.Diagnostics;

namespace WebApi;

/// <summary>Tells callers what was wrong with their request; of what went wrong here it tells no more than that.</summary>
internal sealed class RequestErrors(IProblemDetailsService problems, LayerSkipModelLoader loader) : IExceptionHandler
{
    public ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var status = exception switch
        {
            BadHttpRequestException bad => bad.StatusCode,
            ModelNotFoundException => StatusCodes.Status404NotFound,
            ArgumentException or NotSupportedException or ChatTemplateException => StatusCodes.Status400BadRequest,
            RequestQueueFullException => StatusCodes.Status429TooManyRequests,
            _ when loader.Error is not null => StatusCodes.Status503ServiceUnavailable,
            _ => StatusCodes.Status500InternalServerError,
        };
        var message = status switch
        {
            StatusCodes.Status500InternalServerError => "The request failed.",
            StatusCodes.Status503ServiceUnavailable => "The model could not be loaded.",
            _ when exception is BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } bad && IsEmpty(httpContext.Request, bad) => "The request has no body, expected a JSON object.",
            _ when exception is BadHttpRequestException { InnerException: JsonException json } => Describe(json),

            // The name of a parameter of .NET's is nothing to callers over HTTP.
            _ => exception.Message.Split(" (Parameter '")[0],
        };
        httpContext.Response.StatusCode = status;
        var problem = new ProblemDetailsContext { HttpContext = httpContext, ProblemDetails = { Status = status, Detail = message } };

        // Clients of OpenAI's API look here.
        problem.ProblemDetails.Extensions["error"] = new ErrorOutput(message, status < 500 ? "invalid_request_error" : "server_error");
        return problems.TryWriteAsync(problem);
    }

    // A body in chunks does not say how long it is: the reader finds nothing, and has no other sign of it than its words.
    private static bool IsEmpty(HttpRequest request, BadHttpRequestException error) =>
        request.ContentLength == 0 || (error.InnerException as JsonException)?.Message.Contains("does not contain any JSON tokens", StringComparison.Ordinal) == true;

    /// <summary>The reader's reason, with its position counted from 1, and the field that it came to.</summary>
    private static string Describe(JsonException error)
    {
        var reason = error.Message.Split(" Path: ")[0].Split(" LineNumber: ")[0];
        var field = error.Path is { } path && path.StartsWith("$.", StringComparison.Ordinal) ? $", at {path[2..]}" : "";
        return error is { LineNumber: { } line, BytePositionInLine: { } column }
            ? $"The request's body cannot be read from line {line + 1}, byte {column + 1} on{field}: {Expected(error, reason) ?? reason}"
            : $"The request's body cannot be read{field}: {Expected(error, reason) ?? reason}";
    }

    /// <summary>What the field should hold, where the reader names types of .NET's; null where it says something else.</summary>
    private static string? Expected(JsonException error, string reason)
    {
        var wanted = error.InnerException?.Message ?? "";
        return !reason.Contains("could not be converted to", StringComparison.Ordinal) ? null
            : wanted.EndsWith("as a string.", StringComparison.Ordinal) ? "expected a text"
            : wanted.EndsWith("as a boolean.", StringComparison.Ordinal) ? "expected true or false"
            : wanted.Contains("for an Int", StringComparison.Ordinal) ? "expected an integer, not too large"
            : error.InnerException is not null ? "expected a number"
            : reason.Contains("List`1", StringComparison.Ordinal) ? "expected an array"
            : "expected an object";
    }
}
