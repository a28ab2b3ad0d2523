using LayerSkip.AI;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Constraints;
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
        var (status, message) = Describe(exception);
        if (status == StatusCodes.Status500InternalServerError && loader.Error is not null)
        {
            (status, message) = (StatusCodes.Status503ServiceUnavailable, "The model could not be loaded.");
        }

        httpContext.Response.StatusCode = status;
        if (status == StatusCodes.Status429TooManyRequests)
        {
            httpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
        }

        return problems.TryWriteAsync(new() { HttpContext = httpContext, Exception = exception, ProblemDetails = { Status = status, Detail = message } });
    }

    /// <summary>An error's status, and what the caller is told of it.</summary>
    public static (int Status, string Message) Describe(Exception exception)
    {
        var status = exception switch
        {
            BadHttpRequestException bad => bad.StatusCode,
            ModelNotFoundException => StatusCodes.Status404NotFound,
            ArgumentException or NotSupportedException or ChatTemplateException or ConstraintException => StatusCodes.Status400BadRequest,

            // A prompt that could never run; where memory is short for other reasons, that is not the caller's fault.
            InsufficientMemoryException when exception.Message.Contains(nameof(LayerSkipOptions.KvCacheBudget), StringComparison.Ordinal) => StatusCodes.Status400BadRequest,
            RequestQueueFullException => StatusCodes.Status429TooManyRequests,
            _ => StatusCodes.Status500InternalServerError,
        };

        // The name of a parameter of .NET's is nothing to callers over HTTP.
        return (status, status == StatusCodes.Status500InternalServerError ? "The request failed." : FieldNames.Translate(exception.Message.Split(" (Parameter '")[0]));
    }
}
