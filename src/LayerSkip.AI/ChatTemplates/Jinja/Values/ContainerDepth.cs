namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>The bound on containers inside containers, kept when each is made, so that printing and comparing may recurse.</summary>
internal static class ContainerDepth
{
    public const int Maximum = 128;

    /// <summary>The depth of a container whose deepest item has <paramref name="itemDepth"/>.</summary>
    public static int Around(int itemDepth) => itemDepth < Maximum
        ? itemDepth + 1
        : throw new JinjaException($"lists and dicts are nested more than {Maximum} levels deep.");
}
