using System.CommandLine;
using System.Globalization;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Commands;

/// <summary>The options that say which checkpoint to load, and how.</summary>
internal sealed class ModelArguments
{
    public Option<string> Directory { get; } = DirectoryOption.Create("Checkpoint directory in Hugging Face layout, or GGUF file.");

    /// <summary>Threads compute all at once and wait for each other: more than there are processors help nobody, and many more come to a standstill.</summary>
    public static int MostThreads { get; } = Math.Min(8 * Environment.ProcessorCount, 1024);

    public Option<int?> Threads { get; } = CheckedOption.Integer(
        "--threads", "N", "Threads to compute with, at most eight for each processor (default: one for each).", 1, MostThreads);

    public Option<WeightFormat?> Format { get; } = CheckedOption.Choice(
        "--dtype",
        "How weights are kept in memory (default: auto, the checkpoint's own precision; bf16 rounds float32 and float16 checkpoints, int8 and int4 round all).",
        ("auto", WeightFormat.Auto),
        ("f32", WeightFormat.F32),
        ("bf16", WeightFormat.BF16),
        ("int8", WeightFormat.Int8),
        ("int4", WeightFormat.Int4));

    public Option<WeightCompression?> Compression { get; } = CompressionOption();

    public Option<string?> Device { get; } = DeviceOption();

    public void AddTo(Command command)
    {
        command.Add(Directory);
        command.Add(Device);
        command.Add(Threads);
        command.Add(Format);
        command.Add(Compression);
    }

    /// <summary>Whether weights are compressed.</summary>
    public static Option<WeightCompression?> CompressionOption() => CheckedOption.Choice(
        "--compression",
        "Whether bfloat16 and float32 weights are kept compressed, without loss, on the CPU (default: auto, those of models that no cache holds).",
        ("auto", WeightCompression.Auto),
        ("always", WeightCompression.Always),
        ("never", WeightCompression.Never));

    /// <summary>Where to run.</summary>
    public static Option<string?> DeviceOption() => CheckedOption.Create(
        "--device",
        "DEVICE",
        "Where to run: auto, a usable NVIDIA GPU, else the CPU (default); cpu; cuda; or cuda:N, as 'layerskip devices' numbers them.",
        "auto, cpu, cuda or cuda:N",
        (string text, out string? value) =>
        {
            value = text;
            return text is "auto" or "cpu" or "cuda"
                || (text.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));
        });

    /// <summary>How to load a model; null: the option's default.</summary>
    public static ModelOptions Options(string? device, int? threads, WeightFormat? format, WeightCompression? compression = null) => new()
    {
        Device = device ?? "auto",
        DeviceProviders = [new CudaDeviceProvider()],
        Threads = threads,
        WeightFormat = format ?? WeightFormat.Auto,
        Compression = compression ?? WeightCompression.Auto,
    };

    public ModelOptions Options(ParseResult arguments) =>
        Options(arguments.GetValue(Device), arguments.GetValue(Threads), arguments.GetValue(Format), arguments.GetValue(Compression));

    /// <summary>Loads the checkpoint, with a progress bar where that takes long.</summary>
    public LayerSkipModel Load(ParseResult arguments, Terminal terminal) => Load(arguments, arguments.GetRequiredValue(Directory), terminal);

    /// <summary>Loads a checkpoint as the other options say, with a progress bar where that takes long.</summary>
    public LayerSkipModel Load(ParseResult arguments, string directory, Terminal terminal)
    {
        var model = Loading.Run(
            terminal,
            $"Loading {Checkpoint.NameOf(directory)}",
            (progress, cancellation) => LayerSkipModel.Load(directory, Options(arguments), progress, cancellation));
        NoteLoaded(arguments, model, terminal);
        return model;
    }

    /// <summary>Tells of a loaded model why it is not on a GPU that is there, and which of the options it has no use for.</summary>
    public void NoteLoaded(ParseResult arguments, LayerSkipModel model, Terminal terminal)
    {
        NoteDevice(arguments, model, Threads, terminal);
        if (WhyUncompressed(model) is { } reason)
        {
            terminal.NoteUnused(arguments, reason, Compression);
        }
    }

    /// <summary>Tells why a loaded model is not on a GPU that is there; or, where it is, that threads have no effect.</summary>
    /// <param name="arguments">What was given.</param>
    /// <param name="model">The model.</param>
    /// <param name="threads">How many were asked for.</param>
    /// <param name="terminal">Where it is told.</param>
    public static void NoteDevice(ParseResult arguments, LayerSkipModel model, Option<int?> threads, Terminal terminal)
    {
        if (!IsOnCpu(model))
        {
            terminal.NoteUnused(arguments, "the model is on a GPU", threads);
        }
        else if (model.DeviceFallback is { } reason && new CudaDeviceProvider().Survey().Devices.Count > 0)
        {
            terminal.Note($"the model runs on the CPU: {reason}");
        }
    }

    /// <summary>Why a loaded model's weights cannot be compressed; null where they can.</summary>
    public static string? WhyUncompressed(LayerSkipModel model) =>
        model.WeightFormat is not (WeightFormat.F32 or WeightFormat.BF16)
            ? $"weights are kept in {model.WeightFormat.ToString().ToLowerInvariant()}, and only f32 and bf16 are compressed"
        : IsOnCpu(model) ? null
        : "only the CPU keeps weights compressed";

    private static bool IsOnCpu(LayerSkipModel model) => model.Device.StartsWith("cpu", StringComparison.Ordinal);
}
