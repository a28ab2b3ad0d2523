using System.Diagnostics;
using System.Text;
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
    public void Behind_links_the_target_is_replaced_and_the_links_stay()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        var folder = Directory.CreateTempSubdirectory("layerskip-").FullName;
        try
        {
            // near -> ../far/file leads from where near really lies, not from the link to its directory.
            foreach (var name in (string[])["a", "a/b", "a/far"])
            {
                Directory.CreateDirectory(Path.Combine(folder, name));
            }

            Directory.CreateSymbolicLink(Path.Combine(folder, "link"), "a/b");
            File.CreateSymbolicLink(Path.Combine(folder, "a/b/near"), "../far/file");
            File.CreateSymbolicLink(Path.Combine(folder, "chain"), "link/near");
            foreach (var (path, text) in ((string, string)[])[("chain", "first"), ("chain", "second"), ("link/near", "third"), ("a/far/file", "fourth")])
            {
                AtomicFile.WriteTo(Path.Combine(folder, path), stream => stream.Write(Encoding.UTF8.GetBytes(text)));
                Assert.Equal(text, File.ReadAllText(Path.Combine(folder, "a/far/file")));
            }

            Assert.NotNull(new FileInfo(Path.Combine(folder, "chain")).LinkTarget);
            Assert.NotNull(new FileInfo(Path.Combine(folder, "a/b/near")).LinkTarget);
            Assert.Single(Directory.GetFiles(Path.Combine(folder, "a/far")));
            Assert.Equal(FileTarget.Follow(Path.Combine(folder, "a/far/file")), FileTarget.Follow(Path.Combine(folder, "chain")));

            File.CreateSymbolicLink(Path.Combine(folder, "one"), "other");
            File.CreateSymbolicLink(Path.Combine(folder, "other"), "one");
            Assert.Contains("more than 40 symbolic links", Assert.Throws<IOException>(() => FileTarget.Follow(Path.Combine(folder, "one"))).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_pipe_is_written_to_and_stays_one()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "what is no file is told on Linux alone");
        var folder = Directory.CreateTempSubdirectory("layerskip-").FullName;
        try
        {
            var pipe = Path.Combine(folder, "pipe");
            using (var make = Process.Start("mkfifo", [pipe]))
            {
                await make.WaitForExitAsync(TestContext.Current.CancellationToken);
            }

            File.CreateSymbolicLink(Path.Combine(folder, "link"), "pipe");
            foreach (var path in (string[])[pipe, Path.Combine(folder, "link")])
            {
                Assert.True(FileTarget.IsSpecial(path));
                var read = Task.Run(() => File.ReadAllText(pipe), TestContext.Current.CancellationToken);
                AtomicFile.WriteTo(path, stream => stream.Write("through"u8));
                Assert.Equal("through", await read);
                Assert.True(FileTarget.IsSpecial(pipe));
            }

            Assert.Equal(2, Directory.GetFiles(folder).Length);
            Assert.False(FileTarget.IsSpecial(folder));
            Assert.False(FileTarget.IsSpecial(Path.Combine(folder, "none")));
            Assert.True(FileTarget.IsSpecial("/dev/zero"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_directory_is_kept_by_the_disk_and_one_that_is_not_there_is_no_error()
    {
        Assert.True(DirectoryEntries.Flush(Path.GetTempPath()));
        Assert.Equal(OperatingSystem.IsWindows(), DirectoryEntries.Flush(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"))));
    }
}
