namespace WebApi;

/// <summary>What one speaker said.</summary>
internal sealed record ChatTurn(string? Role, string? Content);
