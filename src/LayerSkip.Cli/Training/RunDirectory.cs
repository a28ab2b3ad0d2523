using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>
/// Where a run goes: its state, its metrics, its report, and the model as a Hugging Face checkpoint, beside one another. Every file is replaced
/// as a whole. Of the checkpoint's, <c>config.json</c> is taken away first and put back last: where it is there, the others are those that belong to it.
/// </summary>
internal sealed class RunDirectory : IDisposable
{
    /// <summary>The name of <see cref="StatePath"/>.</summary>
    public const string StateName = "state.safetensors";

    /// <summary>The name of the model's weights.</summary>
    public const string ModelName = "model.safetensors";

    private const string LockName = "train.lock";

    private static readonly string[] s_tokenizerFiles =
        [
            "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
            System.IO.Path.Combine("additional_chat_templates", "tool_use.jinja"),
        ];

    private readonly FileStream _lock;

    private RunDirectory(string path, FileStream held) => (Path, _lock) = (path, held);

    /// <summary>Full path.</summary>
    public string Path { get; }

    /// <summary>What a run is resumed from.</summary>
    public string StatePath => Combine(StateName);

    public string MetricsPath => MetricsOf(Path);

    public string ReportPath => Combine(ReportName);

    /// <summary>The report's file name.</summary>
    public const string ReportName = "report.html";

    /// <summary>Where a run's directory has its metrics.</summary>
    public static string MetricsOf(string path) => System.IO.Path.Combine(path, "metrics.jsonl");

    /// <summary>Takes the directory for this process, creating it where it does not exist, and clears away what a killed run left half-written.</summary>
    /// <exception cref="UsageException">Another process trains there, or it holds a checkpoint that is no run's.</exception>
    /// <exception cref="IOException">The directory cannot be created or written to.</exception>
    public static RunDirectory Open(string path)
    {
        Directory.CreateDirectory(path);
        FileStream held;
        try
        {
            held = new FileStream(System.IO.Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(System.IO.Path.Combine(path, LockName)))
        {
            throw new UsageException($"{path}: another process trains there ({LockName} is held): {e.Message}");
        }

        var directory = new RunDirectory(path, held);
        try
        {
            CheckFree(path);
        }
        catch
        {
            directory.Dispose();
            throw;
        }

        foreach (var file in Directory.EnumerateFiles(path, "*.tmp").Where(IsHalfWritten))
        {
            File.Delete(file);
        }

        return directory;
    }

    /// <summary>Refuses a directory with a checkpoint that is no run's, which a run would overwrite. One that does not exist is free.</summary>
    /// <exception cref="UsageException">It holds such a checkpoint.</exception>
    public static void CheckFree(string path)
    {
        if (Directory.Exists(path) && !File.Exists(System.IO.Path.Combine(path, StateName))
            && Directory.EnumerateFiles(path).Select(System.IO.Path.GetFileName).Order(StringComparer.Ordinal).FirstOrDefault(IsCheckpoints) is { } foreign)
        {
            throw new UsageException($"{path}: holds a checkpoint that is not a run's: {foreign} without {StateName}; choose another output");
        }
    }

    /// <summary>Writes the state, from which the run can be resumed. If that fails, the earlier one stands as it was.</summary>
    /// <param name="trainer">The run.</param>
    /// <param name="plan">What it does.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written.</exception>
    public void SaveState(Trainer trainer, TrainingPlan plan) => trainer.Save(StatePath, plan.Description.ToString());

    /// <summary>Writes the model, after the state. Whatever fails leaves the earlier files as they were.</summary>
    /// <param name="trainer">The run.</param>
    /// <param name="plan">What it does.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">A file cannot be written.</exception>
    public void SaveModel(Trainer trainer, TrainingPlan plan) => trainer.Export(Path, plan.Generation, plan.Recipe.DataType);

    /// <summary>Copies the tokenizer and its template before the first step: what a run is trained with belongs to its model, whatever becomes of the source meanwhile.</summary>
    /// <param name="source">The directory that has them. A run that goes on has been compared with it.</param>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">A file cannot be read or written.</exception>
    public void TakeTokenizer(string source)
    {
        foreach (var name in s_tokenizerFiles)
        {
            var file = System.IO.Path.Combine(source, name);
            if (File.Exists(file))
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Combine(name))!);
                AtomicFile.Copy(file, Combine(name));
            }
        }
    }

    /// <summary>Gives the directory back. The lock's file stays: deleting it could take away another process's.</summary>
    public void Dispose() => _lock.Dispose();

    private string Combine(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Whether a file's name is one of a checkpoint's: its shape, or weights, in one file or several.</summary>
    private static bool IsCheckpoints(string? name) =>
        name is "config.json" || name!.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".safetensors.index.json", StringComparison.Ordinal);

    /// <summary>Whether a file is one that an atomic write began: name, 32 hexadecimal digits, ".tmp".</summary>
    private static bool IsHalfWritten(string path)
    {
        var parts = System.IO.Path.GetFileName(path).Split('.');
        return parts is [_, _, .., { Length: 32 } id, "tmp"] && id.All(char.IsAsciiHexDigit);
    }
}
