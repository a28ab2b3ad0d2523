using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Training.Metrics;

namespace LayerSkip.Cli.Tests.Training;

public sealed class MetricsFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("layerskip-").FullName;

    private string FilePath => Path.Combine(_directory, "metrics.jsonl");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(null, "")]
    [InlineData(0L, "0")]
    [InlineData(5L, "0 4 5")]
    [InlineData(100L, "0 4 5 6 8")]
    public void Lines_of_steps_that_are_made_again_are_cut(long? step, string kept)
    {
        File.WriteAllLines(FilePath, "0 4 5 6 8".Split(' ').Select(n => $"{{\"type\":\"step\",\"step\":{n}}}").Append("[3]").Append("{\"step\":\"x\"}").Append("{\"type\":\"st"));

        MetricsFile.Open(FilePath, step).Dispose();

        Assert.Equal(kept, string.Join(' ', File.ReadLines(FilePath).Select(line => line.Split(':', '}')[2])));
    }

    [Fact]
    public void Line_that_a_full_disk_took_in_part_is_written_with_the_next()
    {
        using var disk = new SmallDisk { Room = 40 };
        using var metrics = new MetricsFile(disk);
        Assert.Contains("full", metrics.Append(Line(1), ReportJson.Instance.EvaluationLine), StringComparison.Ordinal);
        Assert.Equal(40, disk.Length);
        Assert.NotNull(metrics.Append(Line(2), ReportJson.Instance.EvaluationLine));

        disk.Room = 10_000;
        Assert.Null(metrics.Append(Line(3), ReportJson.Instance.EvaluationLine));

        File.WriteAllBytes(FilePath, disk.ToArray());
        Assert.Equal([1, 2, 3], RunHistory.Read(FilePath).Evaluations.Select(line => line.Step));
    }

    [Fact]
    public void Lines_are_appended()
    {
        using (var metrics = MetricsFile.Open(FilePath, null))
        {
            Assert.Null(metrics.Append(Line(1), ReportJson.Instance.EvaluationLine));
            Assert.Null(metrics.Append(Line(2), ReportJson.Instance.EvaluationLine));
        }

        using (var metrics = MetricsFile.Open(FilePath, 1))
        {
            Assert.Null(metrics.Append(Line(3), ReportJson.Instance.EvaluationLine));
        }

        Assert.Equal([1, 3], RunHistory.Read(FilePath).Evaluations.Select(line => line.Step));
    }

    private static EvaluationLine Line(long step) => new(step, 0.5, 3, new Dictionary<string, double> { ["2"] = 0.5 }, new Dictionary<string, double>());

    private sealed class SmallDisk : MemoryStream
    {
        public int Room { get; set; }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            var fits = Math.Min(buffer.Length, Room - (int)Position);
            base.Write(buffer[..fits]);
            if (fits < buffer.Length)
            {
                throw new IOException("the disk is full");
            }
        }
    }
}
