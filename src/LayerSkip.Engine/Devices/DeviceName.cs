using System.Globalization;

namespace LayerSkip.Engine.Devices;

/// <summary>What <see cref="ModelOptions.Device"/> says: <c>auto</c>, <c>cpu</c>, or a provider's kind, perhaps with an ordinal.</summary>
/// <param name="Kind">Before the colon.</param>
/// <param name="Ordinal">Behind it, at least 0; null where there is none.</param>
internal sealed record DeviceName(string Kind, int? Ordinal)
{
    public const string Auto = "auto";
    public const string Cpu = "cpu";

    /// <summary>Reads a name.</summary>
    /// <param name="text">The name.</param>
    /// <param name="providers">Kinds beside the CPU.</param>
    /// <returns>The name; null where it is none.</returns>
    public static DeviceName? Parse(string? text, IReadOnlyList<DeviceProvider> providers)
    {
        if (text is Auto or Cpu)
        {
            return new(text, null);
        }

        foreach (var provider in providers)
        {
            if (text == provider.Kind)
            {
                return new(text, null);
            }

            if (text is not null && text.StartsWith(provider.Kind + ":", StringComparison.Ordinal)
                && int.TryParse(text.AsSpan(provider.Kind.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal))
            {
                return new(provider.Kind, ordinal);
            }
        }

        return null;
    }

    /// <summary>The names there are, for a message.</summary>
    public static string Expected(IReadOnlyList<DeviceProvider> providers) =>
        string.Join(", ", [$"'{Auto}'", $"'{Cpu}'", .. providers.Select(provider => $"'{provider.Kind}', '{provider.Kind}:0', ...")]);
}
