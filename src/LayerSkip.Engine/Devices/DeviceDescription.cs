namespace LayerSkip.Engine.Devices;

/// <summary>A device that a <see cref="DeviceProvider"/> found.</summary>
public sealed record DeviceDescription
{
    /// <summary>What <see cref="ModelOptions.Device"/> calls it, such as <c>cuda:0</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Its maker's name for it.</summary>
    public required string Name { get; init; }

    /// <summary>Bytes of its memory, all of it.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Which instructions it has, such as <c>compute capability 9.0</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>What drives it, such as <c>CUDA 12.4</c>.</summary>
    public required string Driver { get; init; }

    /// <summary>Why models cannot run on it; null where they can.</summary>
    public string? Unusable { get; init; }
}
