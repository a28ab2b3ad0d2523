namespace WebApi;

/// <summary>An error as OpenAI's API writes it.</summary>
internal sealed record ErrorOutput(string Message, string Type, string? Code)
{
    public static ErrorOutput Of(int status, string message) => status switch
    {
        StatusCodes.Status429TooManyRequests => new(message, "requests", "rate_limit_exceeded"),
        < StatusCodes.Status500InternalServerError => new(message, "invalid_request_error", null),
        _ => new(message, "server_error", null),
    };
}
