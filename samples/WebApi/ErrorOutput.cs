using System.Text.RegularExpressions;
using LayerSkip.AI;

namespace WebApi;

/// <summary>An error as OpenAI's API writes it.</summary>
/// <param name="Message">What was wrong.</param>
/// <param name="Type">Whose fault it was.</param>
/// <param name="Param">The field that was wrong, where it is known.</param>
/// <param name="Code">What clients can tell the error by, or null.</param>
internal sealed partial record ErrorOutput(string Message, string Type, string? Param, string? Code)
{
    /// <summary>Says it where clients of OpenAI's API look, of whatever went wrong: a path that does not exist, too.</summary>
    public static void AddTo(ProblemDetailsContext context)
    {
        var problem = context.ProblemDetails;
        problem.Detail ??= RefusedRoute.Describe(context.HttpContext, problem.Status);
        problem.Extensions["error"] = Of(
            problem.Status ?? StatusCodes.Status500InternalServerError, problem.Detail ?? problem.Title ?? "The request failed.", context.Exception);
    }

    /// <summary>An error of a request that was answered with a status, or would have been.</summary>
    public static ErrorOutput Of(int status, string message, Exception? exception) => status switch
    {
        StatusCodes.Status429TooManyRequests => new(message, "requests", null, "rate_limit_exceeded"),
        < StatusCodes.Status500InternalServerError => exception switch
        {
            ModelNotFoundException => new(message, "invalid_request_error", "model", "model_not_found"),
            PromptTooLongException => new(message, "invalid_request_error", "messages", "context_length_exceeded"),
            _ => new(message, "invalid_request_error", Field().Match(message) is { Success: true } field ? field.Groups[1].Value : null, null),
        },
        _ => new(message, "server_error", null, null),
    };

    /// <summary>What a message begins with that is about a field: its name, or its path.</summary>
    [GeneratedRegex(@"^([a-z]\w*(?:\[\d+\]|\.[a-z]\w*)*) (?:is|are|must|holds?|requires?|takes?)\b")]
    private static partial Regex Field();
}

/// <summary>An error on its own.</summary>
internal sealed record ErrorEvent(ErrorOutput Error);
