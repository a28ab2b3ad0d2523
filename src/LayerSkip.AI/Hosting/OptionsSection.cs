using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI.Hosting;

/// <summary>
/// Finds what in a configuration section would not bind: keys that are no option, which a binder passes over in silence, and values that do
/// not parse, of which it says neither what they belong to nor what was expected.
/// </summary>
internal static class OptionsSection
{
    /// <param name="name">The options' name.</param>
    /// <param name="configuration">A section; of a whole configuration, where other keys have their place, the values alone are looked at.</param>
    /// <exception cref="OptionsValidationException">The messages name the key, the value and what was expected.</exception>
    public static void Check<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T>(
        string? name, IConfiguration configuration)
    {
        var properties = typeof(T).GetProperties().Where(property => property.SetMethod is { IsPublic: true }).ToArray();
        var errors = new List<string>();
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
        }

        if (errors.Count > 0)
        {
            throw new OptionsValidationException(name ?? Options.DefaultName, typeof(T), errors);
        }
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
