using LayerSkip.AI;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Scheduling;
using Microsoft.AspNetCore.Diagnostics;

namespace WebApi;

/// <summary>Tells callers what was wrong with their request; of what went wrong here it tells no more than that.</summary>
internal sealed class RequestErrors(IProblemDetailsService problems, LayerSkipModelLoader loader) : IExceptionHandler
{
    /// <summary>A place in the queue is free as soon as any request has ended, which nobody can foretell.</summary>
    private const string RetryAfterSeconds = "1";

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

            // The name of a parameter of .NET's is nothing to callers over HTTP.
            _ => FieldNames.Translate(exception.Message.Split(" (Parameter '")[0]),
        };
        httpContext.Response.StatusCode = status;
        if (status == StatusCodes.Status429TooManyRequests)
        {
            httpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
        }

        return problems.TryWriteAsync(new() { HttpContext = httpContext, ProblemDetails = { Status = status, Detail = message } });
    }
}
