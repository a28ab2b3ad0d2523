using System.Globalization;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.AI.Hosting;

/// <summary>Finds options outside their ranges, as far as those are known without a model. The messages name the option, its value and what was expected.</summary>
internal sealed class OptionRanges
{
    private readonly string? _name;
    private readonly List<string> _errors = [];

    private OptionRanges(string? name) => _name = name;

    /// <summary>What is wrong with the options of loading and of serving.</summary>
    /// <param name="options">The options; their path is not looked at.</param>
    /// <param name="name">The options' name, which messages mention; null or empty: none.</param>
    public static IReadOnlyList<string> LoadingErrors(LayerSkipOptions options, string? name = null)
    {
        var found = new OptionRanges(name);
        found.Require(IsDevice(options.Device), nameof(options.Device), Quote(options.Device), "'auto', 'cpu', 'cuda' or 'cuda:' and an ordinal");
        found.Require(options.Threads is null or (>= 1 and <= 1024), nameof(options.Threads), options.Threads, "null or 1..1024");
        found.RequireDefined<WeightFormat>(nameof(options.WeightFormat), options.WeightFormat);
        found.RequireDefined<WeightCompression>(nameof(options.Compression), options.Compression);
        found.Require(options.MaxConcurrentRequests >= 1, nameof(options.MaxConcurrentRequests), options.MaxConcurrentRequests, "at least 1");
        found.Require(options.MaxQueuedRequests >= 0, nameof(options.MaxQueuedRequests), options.MaxQueuedRequests, "at least 0");
        found.Require(options.KvCacheBudget is null or >= 1, nameof(options.KvCacheBudget), options.KvCacheBudget, "null or at least 1 byte");
        found.Require(
            options.IdleKvCacheBudget is null or >= 0, nameof(options.IdleKvCacheBudget), options.IdleKvCacheBudget, "null, 0 (no reuse) or a number of bytes");
        found.Require(options.EmbeddingLayer is null or >= 1, nameof(options.EmbeddingLayer), options.EmbeddingLayer, "null or at least 1");
        return found._errors;
    }

    /// <summary>What is wrong with the options that hold where a request is silent.</summary>
    /// <param name="options">The options.</param>
    /// <param name="name">The options' name, which messages mention; null or empty: none.</param>
    public static IReadOnlyList<string> RequestErrors(LayerSkipOptions options, string? name = null)
    {
        var found = new OptionRanges(name);
        found.RequireDefined(nameof(options.Mode), options.Mode);
        found.Require(options.ExitLayer is null or >= 1, nameof(options.ExitLayer), options.ExitLayer, "null or at least 1");
        found.Require(options.NumSpeculations is null or (>= 1 and <= 64), nameof(options.NumSpeculations), options.NumSpeculations, "null or 1..64");
        found.RequireDefined(nameof(options.DraftController), options.DraftController);
        found.RequireDefined(nameof(options.DraftSource), options.DraftSource);
        found.RequireDefined(nameof(options.DraftWeights), options.DraftWeights);
        found.Require(options.DraftThreshold is null or (>= 0 and <= 1), nameof(options.DraftThreshold), options.DraftThreshold, "null or 0..1");
        found.Require(options.MaxOutputTokens is null or >= 1, nameof(options.MaxOutputTokens), options.MaxOutputTokens, "null or at least 1");
        found.Require(
            options.Temperature is null || (options.Temperature >= 0 && float.IsFinite(options.Temperature.Value)),
            nameof(options.Temperature), options.Temperature, "null, 0 (greedy) or positive and finite");
        found.Require(options.TopK is null or >= 0, nameof(options.TopK), options.TopK, "null, 0 (off) or positive");
        found.Require(options.TopP is null or (>= 0 and <= 1), nameof(options.TopP), options.TopP, "null, 0 (the likeliest token only) or up to 1 (off)");
        found.RequireDefined(nameof(options.ToolCallFormat), options.ToolCallFormat);
        found.RequireDefined<UnsupportedOptionBehavior>(nameof(options.UnsupportedOptions), options.UnsupportedOptions);
        return found._errors;
    }

    /// <summary>Throws what was found, all of it.</summary>
    /// <param name="errors">Messages; none where all is well.</param>
    /// <param name="parameter">The caller's parameter that holds the options.</param>
    /// <exception cref="ArgumentException">There is an error.</exception>
    public static void ThrowIfAny(IReadOnlyList<string> errors, string parameter)
    {
        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join(' ', errors), parameter);
        }
    }

    /// <summary>A property as messages name it.</summary>
    /// <param name="property">The property.</param>
    /// <param name="name">The options' name; null or empty: none.</param>
    public static string Property(string property, string? name) =>
        $"{nameof(LayerSkipOptions)}.{property}" + (string.IsNullOrEmpty(name) ? string.Empty : $" of '{name}'");

    /// <summary>A text as messages quote it.</summary>
    public static string Quote(string? text) => text is null ? "null" : $"'{text}'";

    private void RequireDefined<T>(string property, T? value)
        where T : struct, Enum =>
        Require(value is null || Enum.IsDefined(value.Value), property, value, $"one of {string.Join(", ", Enum.GetNames<T>())}");

    private void Require(bool valid, string property, object? value, string expected)
    {
        if (!valid)
        {
            _errors.Add(FormattableString.Invariant($"{Property(property, _name)} is {value}, expected {expected}."));
        }
    }

    private static bool IsDevice(string? device) => device is "auto" or "cpu" or "cuda"
        || (device is not null && device.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(device.AsSpan("cuda:".Length), NumberStyles.None, CultureInfo.InvariantCulture, out _));
}
