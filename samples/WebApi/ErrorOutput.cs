namespace WebApi;

/// <summary>An error as OpenAI's API writes it.</summary>
internal sealed record ErrorOutput(string Message, string Type);
