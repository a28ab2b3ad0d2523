using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tests.Checkpoints.Gguf;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class AtomicFileTests
{
    [Fact]
    public void A_file_is_replaced_and_nothing_lies_beside_it()
    {
        using var file = new TemporaryFile("before"u8.ToArray());
        AtomicFile.Write(file.Path, stream => stream.Write("after"u8));
        Assert.Equal("after", File.ReadAllText(file.Path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(file.Path)!));
    }

    [Fact]
    public void A_write_that_fails_leaves_the_earlier_file()
    {
        using var file = new TemporaryFile("before"u8.ToArray());
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(file.Path, stream =>
        {
            stream.Write("half"u8);
            throw new InvalidOperationException();
        }));
        Assert.Equal("before", File.ReadAllText(file.Path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(file.Path)!));
    }

    [Fact]
    public void A_name_without_a_directory_is_of_the_current_one()
    {
        var name = $"{Guid.NewGuid():N}.test";
        try
        {
            AtomicFile.Write(name, stream => stream.Write("here"u8));
            AtomicFile.Copy(name, $"{name}2");
            Assert.Equal("here", File.ReadAllText(Path.Combine(Environment.CurrentDirectory, $"{name}2")));
        }
        finally
        {
            File.Delete(name);
            File.Delete($"{name}2");
        }
    }

    [Fact]
    public void A_directory_is_kept_by_the_disk_and_one_that_is_not_there_is_no_error()
    {
        Assert.True(DirectoryEntries.Flush(Path.GetTempPath()));
        Assert.Equal(OperatingSystem.IsWindows(), DirectoryEntries.Flush(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"))));
    }
}
