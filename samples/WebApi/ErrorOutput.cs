namespace WebApi;

/// <summary>An error as OpenAI's API writes it.</summary>
internal sealed record ErrorOutput(string Message, string Type, string? Code)
{
    /// <summary>Says it where clients of OpenAI's API look, of whatever went wrong: a path that does not exist, too.</summary>
    public static void AddTo(ProblemDetailsContext context)
    {
        var problem = context.ProblemDetails;
        problem.Detail ??= RefusedRoute.Describe(context.HttpContext, problem.Status);
        problem.Extensions["error"] = Of(problem.Status ?? StatusCodes.Status500InternalServerError, problem.Detail ?? problem.Title ?? "The request failed.");
    }

    private static ErrorOutput Of(int status, string message) => status switch
    {
        StatusCodes.Status429TooManyRequests => new(message, "requests", "rate_limit_exceeded"),
        < StatusCodes.Status500InternalServerError => new(message, "invalid_request_error", null),
        _ => new(message, "server_error", null),
    };
}
