using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>
/// Finds keys of additional properties that are a setting's but for its spelling, such as <c>exitLayer</c>. All other keys that the client does not
/// know are for somebody else: middleware, or another client.
/// </summary>
internal static class MisspeltSettings
{
    private static readonly Dictionary<string, string> s_settings = ((string[])
        [
            PropertyNames.ExitLayer, PropertyNames.NumSpeculations, PropertyNames.DecodingMode, PropertyNames.DraftController,
            PropertyNames.DraftThreshold, PropertyNames.DraftSource, PropertyNames.DraftWeights, PropertyNames.MinP, PropertyNames.PrefixScope,
            PropertyNames.LogProbabilities, PropertyNames.TopLogProbabilities, PropertyNames.TemplateVariables,
        ]).ToDictionary(Letters);

    private static readonly int s_longest = s_settings.Values.Max(name => name.Length);

    /// <summary>Reports each of them.</summary>
    /// <exception cref="NotSupportedException">The client refuses such requests.</exception>
    public static void Report(AdditionalPropertiesDictionary? properties, UnsupportedOptions unsupported)
    {
        foreach (var key in properties?.Keys ?? [])
        {
            // Twice as long, it is a text of its own. In another case it is found, and no mistake.
            if (key.Length <= 2 * s_longest && s_settings.TryGetValue(Letters(key), out var name) && !key.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                unsupported.Report($"ChatOptions.AdditionalProperties[\"{key}\"] (did you mean \"{name}\"?)");
            }
        }
    }

    /// <summary>The name's letters in lower case, without the s of a plural.</summary>
    private static string Letters(string name) => string.Concat(name.Where(char.IsLetter)).ToLowerInvariant().TrimEnd('s');
}
