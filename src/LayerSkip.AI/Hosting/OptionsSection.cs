using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace LayerSkip.AI.Hosting;

/// <summary>
/// Finds what in a configuration section would not bind: keys that are no option, which a binder passes over in silence, and values that do
/// not parse, of which it says neither what they belong to nor what was expected.
/// </summary>
internal static class OptionsSection
{
    /// <summary>Finds what is wrong.</summary>
    /// <param name="configuration">A section; of a whole configuration, where other keys have their place, the values alone are looked at.</param>
    /// <param name="right">The configuration without it.</param>
    /// <returns>Messages that name the key, the value and what was expected.</returns>
    public static List<string> Check<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T>(
        IConfiguration configuration, out IConfiguration right)
    {
        var properties = typeof(T).GetProperties().Where(property => property.SetMethod is { IsPublic: true }).ToArray();
        var errors = new List<string>();
        var values = new Dictionary<string, string?>();
        foreach (var entry in configuration.GetChildren())
        {
            var property = properties.FirstOrDefault(property => property.Name.Equals(entry.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
            {
                if (configuration is IConfigurationSection)
                {
                    errors.Add(
                        $"The configuration has '{entry.Path}', expected one of {string.Join(", ", properties.Select(known => known.Name).Order())}.");
                }
            }
            else if (Expected(property.PropertyType, entry) is { } expected)
            {
                errors.Add($"The configuration's '{entry.Path}' is {Found(entry)}, expected {expected}.");
            }
            else
            {
                values[entry.Key] = entry.Value;
            }
        }

        right = errors.Count == 0 ? configuration : new ConfigurationBuilder().AddInMemoryCollection(values).Build();
        return errors;
    }

    /// <summary>What a value should have been, or null where it is right. The binder reads an empty value of a nullable type as null.</summary>
    private static string? Expected(Type type, IConfigurationSection entry)
    {
        var value = entry.Value;
        var nullable = Nullable.GetUnderlyingType(type);
        if (nullable is not null && string.IsNullOrEmpty(value) && !entry.GetChildren().Any())
        {
            return null;
        }

        type = nullable ?? type;
        return type == typeof(string) ? (value is null && entry.GetChildren().Any() ? "a text" : null)
            : type == typeof(int) ? (int.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out _) ? null : "a whole number")
            : type == typeof(long) ? (long.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out _) ? null : "a whole number")
            : type == typeof(float) ? (float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? null : "a number")
            : type == typeof(bool) ? (bool.TryParse(value, out _) ? null : "true or false")
            : type.IsEnum ? (Enum.TryParse(type, value, ignoreCase: true, out _) ? null : $"one of {string.Join(", ", Enum.GetNames(type))}")
            : null;
    }

    private static string Found(IConfigurationSection entry) =>
        entry.Value is { } value ? $"'{value}'" : entry.GetChildren().Any() ? "a section" : "null";
}
