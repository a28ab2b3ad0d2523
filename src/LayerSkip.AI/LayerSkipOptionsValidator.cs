using LayerSkip.AI.Hosting;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI;

/// <summary>Finds what is wrong with options before a model is loaded. What only the model knows, such as its depth, is checked when the client is created.</summary>
internal sealed class LayerSkipOptionsValidator : IValidateOptions<LayerSkipOptions>
{
    private const string ExpectedPath = "expected a Hugging Face checkpoint directory or a GGUF file";

    /// <summary>
    /// The same for options that no host has checked. What is wrong with the files behind the path is left to their readers, who say more of them.
    /// </summary>
    /// <exception cref="ArgumentException">An option is outside its range; the message names every such option.</exception>
    public static void Require(LayerSkipOptions options)
    {
        List<string> errors = [.. OptionRanges.LoadingErrors(options), .. OptionRanges.RequestErrors(options)];
        if (string.IsNullOrEmpty(options.ModelPath))
        {
            errors.Insert(0, $"{OptionRanges.Property(nameof(options.ModelPath), name: null)} is empty, {ExpectedPath}.");
        }

        OptionRanges.ThrowIfAny(errors, nameof(options));
    }

    public ValidateOptionsResult Validate(string? name, LayerSkipOptions options)
    {
        List<string> errors = [.. options.ConfigurationErrors];
        if (options is { ChatModelPath: { } chat, EmbeddingModelPath: { } embedding } && !SamePath(chat, embedding))
        {
            errors.Add(
                $"{OptionRanges.Property(nameof(options.ModelPath), name)} is {OptionRanges.Quote(chat)} for the chat client and {OptionRanges.Quote(embedding)} for the embedding generator, "
                + "expected one, or a service id of its own for each model.");
        }

        if (ModelPathError(options.ModelPath) is { } found)
        {
            errors.Add($"{OptionRanges.Property(nameof(options.ModelPath), name)} is {found}, {ExpectedPath}.");
        }

        errors.AddRange(OptionRanges.LoadingErrors(options, name));
        errors.AddRange(OptionRanges.RequestErrors(options, name));
        return errors.Count > 0 ? ValidateOptionsResult.Fail(errors) : ValidateOptionsResult.Success;
    }

    private static string? ModelPathError(string? path) =>
        string.IsNullOrEmpty(path) ? "empty"
        : File.Exists(path) ? (BeginsAsGguf(path) ? null : $"the file {Located(path)}, which does not begin with 'GGUF'")
        : !Directory.Exists(path) ? $"{Located(path)}, which does not exist"
        : !File.Exists(Path.Combine(path, "config.json")) ? $"{Located(path)}, which holds no config.json"
        : null;

    // The working directory need not be what one thinks: that of "dotnet run" may be the project's.
    private static string Located(string path) => Path.IsPathFullyQualified(path) ? OptionRanges.Quote(path) : $"{OptionRanges.Quote(path)} ({Path.GetFullPath(path)})";

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
}
