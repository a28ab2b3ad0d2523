using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Tests;

public class LoadingTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Slow_loading_shows_a_bar_only_to_someone_who_watches(bool interactive, bool expectBar)
    {
        using var interrupt = new Interrupt();
        using var error = new StringWriter();
        var terminal = new Terminal(TextWriter.Null, error, Stream.Null, interrupt) { IsErrorInteractive = interactive };

        var result = Loading.Run(terminal, "Loading [model]", (progress, _) =>
        {
            progress.Report(0.5);
            Thread.Sleep(1500);
            return 42;
        });

        Assert.Equal(42, result);
        Assert.Equal(expectBar, error.ToString().Contains("Loading [model]", StringComparison.Ordinal));
    }

    [Fact]
    public void Failure_is_the_loader_s_own()
    {
        using var interrupt = new Interrupt();
        var terminal = new Terminal(TextWriter.Null, TextWriter.Null, Stream.Null, interrupt) { IsErrorInteractive = true };

        Assert.Throws<CheckpointException>(() => Loading.Run<int>(terminal, "x", (_, _) => throw new CheckpointException("broken")));
    }
}
