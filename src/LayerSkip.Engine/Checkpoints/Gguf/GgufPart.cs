namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>What of a GGUF header is being read, for errors: its text is made when one needs it, not for each of a stranger's million keys.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">The name that the file gives it; null: none.</param>
internal readonly record struct GgufPart(string Kind, string? Name = null)
{
    public static implicit operator GgufPart(string kind) => new(kind);

    public override string ToString() => Name is null ? Kind : $"{Kind} {ErrorText.Quote(Name)}";
}
