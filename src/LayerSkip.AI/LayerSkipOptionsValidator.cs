using System.Globalization;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI;

/// <summary>Finds what is wrong with options before a model is loaded. What only the model knows, such as its depth, is checked when the client is created.</summary>
internal sealed class LayerSkipOptionsValidator : IValidateOptions<LayerSkipOptions>
{
    public ValidateOptionsResult Validate(string? name, LayerSkipOptions options)
    {
        List<string> errors = [.. options.ConfigurationErrors];
        if (options is { ChatModelPath: { } chat, EmbeddingModelPath: { } embedding } && !SamePath(chat, embedding))
        {
            errors.Add(
                $"{Property(nameof(options.ModelPath))} is {Quote(chat)} for the chat client and {Quote(embedding)} for the embedding generator, "
                + "expected one, or a service id of its own for each model.");
        }

        if (ModelPathError(options.ModelPath) is { } found)
        {
            errors.Add($"{Property(nameof(options.ModelPath))} is {found}, expected a Hugging Face checkpoint directory or a GGUF file.");
        }

        Require(IsDevice(options.Device), nameof(options.Device), Quote(options.Device), "'auto', 'cpu', 'cuda' or 'cuda:' and an ordinal");
        Require(options.Threads is null or (>= 1 and <= 1024), nameof(options.Threads), options.Threads, "null or 1..1024");
        RequireDefined(nameof(options.WeightFormat), options.WeightFormat);
        RequireDefined(nameof(options.Compression), options.Compression);
        if (options.Mode is { } mode)
        {
            RequireDefined(nameof(options.Mode), mode);
        }

        Require(options.ExitLayer is null or >= 1, nameof(options.ExitLayer), options.ExitLayer, "null or at least 1");
        Require(options.NumSpeculations is null or (>= 1 and <= 64), nameof(options.NumSpeculations), options.NumSpeculations, "null or 1..64");
        if (options.DraftController is { } controller)
        {
            RequireDefined(nameof(options.DraftController), controller);
        }

        if (options.DraftSource is { } source)
        {
            RequireDefined(nameof(options.DraftSource), source);
        }

        Require(options.DraftThreshold is null or (>= 0 and <= 1), nameof(options.DraftThreshold), options.DraftThreshold, "null or 0..1");
        Require(options.MaxOutputTokens is null or >= 1, nameof(options.MaxOutputTokens), options.MaxOutputTokens, "null or at least 1");
        Require(options.Temperature is null || (options.Temperature >= 0 && float.IsFinite(options.Temperature.Value)),
            nameof(options.Temperature), options.Temperature, "null, 0 (greedy) or positive and finite");
        Require(options.TopK is null or >= 0, nameof(options.TopK), options.TopK, "null, 0 (off) or positive");
        Require(options.TopP is null or (>= 0 and <= 1), nameof(options.TopP), options.TopP, "null or 0..1");
        Require(options.MaxConcurrentRequests >= 1, nameof(options.MaxConcurrentRequests), options.MaxConcurrentRequests, "at least 1");
        Require(options.MaxQueuedRequests >= 0, nameof(options.MaxQueuedRequests), options.MaxQueuedRequests, "at least 0");
        Require(options.KvCacheBudget is null or >= 1, nameof(options.KvCacheBudget), options.KvCacheBudget, "null or at least 1 byte");
        Require(options.IdleKvCacheBudget is null or >= 0, nameof(options.IdleKvCacheBudget), options.IdleKvCacheBudget, "null, 0 (no reuse) or a number of bytes");
        if (options.ToolCallFormat is { } format)
        {
            RequireDefined(nameof(options.ToolCallFormat), format);
        }
        Require(options.EmbeddingLayer is null or >= 1, nameof(options.EmbeddingLayer), options.EmbeddingLayer, "null or at least 1");
        RequireDefined(nameof(options.UnsupportedOptions), options.UnsupportedOptions);
        return errors.Count > 0 ? ValidateOptionsResult.Fail(errors) : ValidateOptionsResult.Success;

        void RequireDefined<T>(string property, T value)
            where T : struct, Enum =>
            Require(Enum.IsDefined(value), property, value, $"one of {string.Join(", ", Enum.GetNames<T>())}");

        void Require(bool valid, string property, object? value, string expected)
        {
            if (!valid)
            {
                errors.Add(FormattableString.Invariant($"{Property(property)} is {value}, expected {expected}."));
            }
        }

        string Property(string property) =>
            $"{nameof(LayerSkipOptions)}.{property}" + (string.IsNullOrEmpty(name) ? string.Empty : $" of '{name}'");
    }

    private static bool IsDevice(string? device) => device is "auto" or "cpu" or "cuda"
        || (device is not null && device.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(device.AsSpan("cuda:".Length), NumberStyles.None, CultureInfo.InvariantCulture, out _));

    private static string? ModelPathError(string? path) =>
        string.IsNullOrEmpty(path) ? "empty"
        : File.Exists(path) ? (BeginsAsGguf(path) ? null : $"the file {Located(path)}, which does not begin with 'GGUF'")
        : !Directory.Exists(path) ? $"{Located(path)}, which does not exist"
        : !File.Exists(Path.Combine(path, "config.json")) ? $"{Located(path)}, which holds no config.json"
        : null;

    // The working directory need not be what one thinks: that of "dotnet run" may be the project's.
    private static string Located(string path) => Path.IsPathFullyQualified(path) ? Quote(path) : $"{Quote(path)} ({Path.GetFullPath(path)})";

    private static bool BeginsAsGguf(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> magic = stackalloc byte[4];
            return file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) == magic.Length && magic.SequenceEqual("GGUF"u8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool SamePath(string one, string other) => one == other
        || (one.Length > 0 && other.Length > 0
            && Path.TrimEndingDirectorySeparator(Path.GetFullPath(one)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(other)));

    private static string Quote(string? text) => text is null ? "null" : $"'{text}'";
}
