using LayerSkip.AI;
using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>What one request may ask for: callers are strangers, and the model is everybody's.</summary>
internal static class RequestLimits
{
    /// <summary>Bytes of a request's body, and so of its messages.</summary>
    public const long BodyBytes = 1 << 20;

    /// <summary>Tokens of an answer.</summary>
    public const int OutputTokens = 4096;

    public const int StopSequences = 16;

    public const int Tools = 128;

    /// <summary>Characters of a tool's name, as in OpenAI's API.</summary>
    public const int NameLength = 64;

    /// <summary>Characters of a JSON schema.</summary>
    public const int SchemaLength = 1 << 16;

    /// <summary>Texts of a request for embeddings.</summary>
    public const int EmbeddingInputs = 2048;

    /// <exception cref="ArgumentException">There is more than a request may ask for.</exception>
    public static void Require(int value, int limit, string name)
    {
        if (value > limit)
        {
            throw new ArgumentException($"{name} is {value}, expected at most {limit}.");
        }
    }

    /// <summary>The most tokens that an answer is to have, or null: the host's own number.</summary>
    /// <exception cref="ArgumentException">It is none, or more than a request may ask for.</exception>
    public static int? RequireTokens(int? tokens, string name) => tokens is null or (>= 1 and <= OutputTokens)
        ? tokens
        : throw new ArgumentException($"{name} is {tokens}, expected at least 1 and at most {OutputTokens}.");

    /// <summary>
    /// Shares beginnings of prompts among one user's requests only. Without authentication all callers are one
    /// user; a scope that callers could choose would tell them what others ask.
    /// </summary>
    public static ChatOptions For(this ChatOptions options, HttpContext caller) =>
        caller.User.Identity?.Name is { } user ? options.WithPrefixScope(user) : options;
}
