namespace LayerSkip.Engine.Checkpoints;

/// <summary>Reads the rotary embedding's fields of <c>config.json</c>.</summary>
/// <remarks>
/// Older files have <c>rope_theta</c> and <c>rope_scaling</c> side by side, the kind spelled <c>type</c> and later
/// <c>rope_type</c>; newer ones have all of it in <c>rope_parameters</c>.
/// </remarks>
internal static class RopeScalingReader
{
    private const float DefaultTheta = 10_000;

    /// <summary>The base of the rotary frequencies.</summary>
    public static float ReadTheta(JsonSection json) =>
        Theta(json.SectionOrNull("rope_parameters")) ?? Theta(json) ?? DefaultTheta;

    /// <summary>How the frequencies are scaled.</summary>
    /// <exception cref="CheckpointException">The kind is not run by the engine, or one of its fields is missing or out of range.</exception>
    public static RopeScaling Read(JsonSection json)
    {
        // The newer spelling may leave the kind out; the older section exists only to name one.
        if (json.SectionOrNull("rope_parameters") is { } parameters)
        {
            return Read(parameters, KindOf(parameters) ?? "default");
        }

        return json.SectionOrNull("rope_scaling") is { } scaling
            ? Read(scaling, KindOf(scaling) ?? throw scaling.Missing("rope_type", "'default', 'linear' or 'llama3'"))
            : new RopeScaling(RopeScalingKind.None);
    }

    private static string? KindOf(JsonSection section) => section.TextOrNull("rope_type") ?? section.TextOrNull("type");

    private static RopeScaling Read(JsonSection section, string kind)
    {
        section.NumberOrNull("partial_rotary_factor", value => value == 1, "1: every dimension of a head is rotated");
        return kind switch
        {
            "default" => new RopeScaling(RopeScalingKind.None),
            "linear" => new RopeScaling(RopeScalingKind.Linear, Factor(section)),
            "llama3" => ReadLlama3(section),
            _ => throw section.Wrong(section.Has("rope_type") ? "rope_type" : "type", "'default', 'linear' or 'llama3'"),
        };
    }

    private static RopeScaling ReadLlama3(JsonSection section)
    {
        var low = Required(section, "low_freq_factor", value => value > 0, "a positive number");
        var high = Required(section, "high_freq_factor", value => value > low, $"a number greater than low_freq_factor, which is {low}");
        var original = section.Integer("original_max_position_embeddings", 1, 1 << 30);
        return new RopeScaling(RopeScalingKind.Llama3, Factor(section), low, high, original);
    }

    private static float Factor(JsonSection section) => Required(section, "factor", value => value >= 1, "a number of at least 1");

    private static float? Theta(JsonSection? section) =>
        section?.NumberOrNull("rope_theta", value => value > 0, "a positive number");

    private static float Required(JsonSection section, string name, Func<float, bool> valid, string expected) =>
        section.NumberOrNull(name, valid, expected) ?? throw section.Missing(name, expected);
}
