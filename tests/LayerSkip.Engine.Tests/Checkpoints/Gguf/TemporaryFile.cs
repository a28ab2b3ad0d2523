namespace LayerSkip.Engine.Tests.Checkpoints.Gguf;

/// <summary>A path in the temporary folder, and what a test writes there until it is disposed.</summary>
internal sealed class TemporaryFile : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("layerskip-");

    public TemporaryFile(byte[]? content = null)
    {
        Path = System.IO.Path.Combine(_directory.FullName, "model.gguf");
        if (content is not null)
        {
            File.WriteAllBytes(Path, content);
        }
    }

    public string Path { get; }

    public void Dispose() => _directory.Delete(recursive: true);
}
