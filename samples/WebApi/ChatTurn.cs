using System.Text.Json.Serialization;

namespace WebApi;

/// <summary>What one speaker said.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record ChatTurn(string? Role, string? Content);
