namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>What <c>set</c>, <c>for</c> and <c>with</c> assign to.</summary>
internal abstract record AssignmentTarget
{
    public sealed record Name(string Identifier) : AssignmentTarget;

    /// <summary><c>set ns.member = …</c></summary>
    public sealed record NamespaceMember(string Namespace, string Member) : AssignmentTarget;

    /// <summary><c>for key, value in …</c></summary>
    public sealed record Unpacked(IReadOnlyList<AssignmentTarget> Targets) : AssignmentTarget;
}
