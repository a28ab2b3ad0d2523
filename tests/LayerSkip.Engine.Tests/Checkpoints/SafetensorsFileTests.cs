using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class SafetensorsFileTests
{
    private const string Header =
        """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[24,30]}}""";

    [Theory]
    [InlineData(0, "is 0 bytes long, expected a safetensors file of at least 8")]
    [InlineData(7, "is 7 bytes long")]
    [InlineData(8, "bytes, but 0 follow: the file is truncated")]
    public void Too_short_a_file_is_refused(int length, string message) =>
        Assert.Contains(message, SafetensorsBytes.Refusal(SafetensorsBytes.Of(Header, 30)[..length]).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(1ul << 63)]
    [InlineData(ulong.MaxValue)]
    [InlineData(long.MaxValue)]
    [InlineData(100_000_001)]
    public void Huge_header_is_refused_before_it_is_allocated(ulong length)
    {
        var error = SafetensorsBytes.Refusal(SafetensorsBytes.Of(length, Header, new byte[30]));
        Assert.Contains($"header length is {length} bytes, expected at most 100000000", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Header_longer_than_the_file_is_refused() => Assert.Contains(
        "header length is 100000000 bytes, but",
        SafetensorsBytes.Refusal(SafetensorsBytes.Of(100_000_000, Header, new byte[30])).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Every_proper_prefix_is_refused()
    {
        var whole = SafetensorsBytes.Of(Header, 30);
        SafetensorsBytes.Open(whole, file => Assert.Equal(2, file.Header.Tensors.Count));
        for (var length = 0; length < whole.Length; length++)
        {
            SafetensorsBytes.Refusal(whole[..length]);
        }
    }

    [Fact]
    public void Flipped_bytes_are_refused_or_read()
    {
        var random = new Random(20240611);
        var whole = SafetensorsBytes.Of(Header, 30);
        var refused = 0;
        for (var trial = 0; trial < 4000; trial++)
        {
            var flipped = whole.ToArray();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
            {
                flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
            }

            try
            {
                SafetensorsBytes.Open(flipped, ReadAll);
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 3999);
    }

    [Fact]
    public void Tensor_need_not_be_aligned()
    {
        const string Odd =
            """{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[9,11]}}""";
        byte[] data = [7, .. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(-2.25f), 0x80, 0x3f];
        SafetensorsBytes.Open(SafetensorsBytes.Of(Odd, data), file =>
        {
            var vector = new float[2];
            file.Read(1, TensorDataType.F32, vector);
            Assert.Equal([1.5f, -2.25f], vector);
            file.Read(9, TensorDataType.BF16, vector.AsSpan(0, 1));
            Assert.Equal(1, vector[0]);
        });
    }

    [Fact]
    public void Reading_past_the_data_is_refused() => SafetensorsBytes.Open(SafetensorsBytes.Of(Header, 30), file =>
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(28, TensorDataType.F32, new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(-1, TensorDataType.F32, new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(long.MaxValue, TensorDataType.F32, new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(0, TensorDataType.F32, new float[100]));
    });

    [Fact]
    public void Disposing_while_others_read_gives_errors_not_crashes()
    {
        SafetensorsBytes.Open(SafetensorsBytes.Of(Header, 30), file =>
        {
            var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                var row = new float[3];
                while (true)
                {
                    file.Read(0, TensorDataType.F32, row);
                }
            })).ToArray();
            Thread.Sleep(20);
            file.Dispose();
            Assert.All(readers, reader => Assert.Throws<ObjectDisposedException>(reader.GetAwaiter().GetResult));
        });
    }

    [Fact]
    public void File_cut_short_while_it_is_open_gives_an_error_not_a_crash()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "files that are open for reading cannot be written there");
        var path = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.safetensors");
        try
        {
            var whole = SafetensorsBytes.Of(Header, 30);
            File.WriteAllBytes(path, whole);
            using var file = SafetensorsFile.Open(path);
            using (var handle = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            {
                handle.SetLength(whole.Length - 8);
            }

            file.Read(0, TensorDataType.F32, new float[4]);
            var error = Assert.Throws<CheckpointException>(() => file.Read(0, TensorDataType.F32, new float[6]));
            Assert.Contains($"ends after {whole.Length - 8} bytes, but was {whole.Length} bytes long", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Tensor_beyond_2_GiB_is_read_from_its_last_row()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "relies on a sparse file");
        const int Rows = 300_000;
        const int Columns = 4096;
        const long Size = (long)Rows * Columns * 2;
        var header = $$"""{ "w": { "dtype": "BF16", "shape": [{{Rows}}, {{Columns}}], "data_offsets": [0, {{Size}}] } }""";
        var directory = Directory.CreateTempSubdirectory("layerskip-");
        try
        {
            var path = Path.Combine(directory.FullName, "model.safetensors");
            using (var stream = File.Create(path))
            {
                stream.Write(SafetensorsBytes.Of(header, 0));
                var start = stream.Length;
                stream.SetLength(start + Size);
                stream.Position = start + Size - 2;
                stream.Write([0xc0, 0x3f]);
            }

            using var weights = SafetensorsWeightSource.Open(directory.FullName);
            var tensor = weights.GetTensor("w", Rows, Columns);
            var row = new float[Columns];
            tensor.ReadRow(Rows - 1, row);
            Assert.Equal(1.5f, row[^1]);
            Assert.Equal(0, row[^2]);
            Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadRow(Rows, row));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static void ReadAll(SafetensorsFile file)
    {
        foreach (var tensor in file.Header.Tensors)
        {
            if (SafetensorsDataTypes.AsWeight(tensor.DataType) is { } type)
            {
                file.Read(tensor.Begin, type, new float[(tensor.End - tensor.Begin) / SafetensorsDataTypes.SizeOf(type)]);
            }
        }
    }
}
