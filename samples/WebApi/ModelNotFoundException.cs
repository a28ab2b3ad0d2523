namespace WebApi;

/// <summary>A request names a model that this host does not have.</summary>
internal sealed class ModelNotFoundException(string asked, string served) : Exception($"The model '{asked}' is not here; this host has '{served}'.")
{
    /// <summary>A request that names no model means the one that there is.</summary>
    public static void ThrowIfNot(string served, string? asked)
    {
        if (!string.IsNullOrEmpty(asked) && asked != served)
        {
            throw new ModelNotFoundException(asked, served);
        }
    }
}
