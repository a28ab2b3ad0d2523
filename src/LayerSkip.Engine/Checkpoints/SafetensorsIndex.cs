namespace LayerSkip.Engine.Checkpoints;

/// <summary>Reads <c>model.safetensors.index.json</c>: which shard of a checkpoint holds which tensor.</summary>
internal static class SafetensorsIndex
{
    /// <summary>The file's name in a checkpoint directory.</summary>
    public const string FileName = "model.safetensors.index.json";

    /// <summary>Maps every tensor's name to its shard's file name.</summary>
    /// <exception cref="CheckpointException">The map is missing, or names something else than a safetensors file beside it.</exception>
    public static IReadOnlyDictionary<string, string> Read(JsonSection json)
    {
        var map = json.SectionOrNull("weight_map") ?? throw json.Missing("weight_map", "an object of tensor names and file names");
        var shards = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (tensor, shard) in map.TextFields())
        {
            shards.Add(
                tensor,
                IsPlainFileName(shard) ? shard : throw map.Wrong(tensor, "the name of a .safetensors file in the same directory"));
        }

        return shards;
    }

    /// <summary>Whether a name stays inside its directory on every operating system, whichever it was written on.</summary>
    private static bool IsPlainFileName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal)
        && name.Length <= 255
        && !name.AsSpan().ContainsAny('/', '\\', ':')
        && !name.Any(char.IsControl);
}
