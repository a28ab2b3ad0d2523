namespace WebApi;

/// <summary>What a caller wrote, as errors repeat it.</summary>
internal static class Excerpt
{
    private const int Length = 60;

    public static string Of(string text) => text.Length > Length ? text[..Length] + "..." : text;
}
