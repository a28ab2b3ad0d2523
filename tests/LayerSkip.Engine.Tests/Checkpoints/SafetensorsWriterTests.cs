using System.Buffers.Binary;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("layerskip-");

    private string Target => Path.Combine(_directory.FullName, "model.safetensors");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData(TensorDataType.F32)]
    [InlineData(TensorDataType.F16)]
    [InlineData(TensorDataType.BF16)]
    public void What_is_written_is_read_back(TensorDataType type)
    {
        var writer = new SafetensorsWriter { Metadata = { ["step"] = "12" } };
        writer.Add("matrix", type, [5, 3], (row, destination) => Fill(row, destination));
        writer.Add("vector", type, [7], (row, destination) => Fill(row, destination));
        writer.Write(Target);

        using var source = SafetensorsWeightSource.Open(_directory.FullName);
        var matrix = source.GetTensor("matrix", 5, 3);
        Assert.Equal((type, 5, 3), (matrix.DataType, matrix.Rows, matrix.Columns));
        var read = new float[3];
        matrix.ReadRow(4, read);
        Assert.Equal([4.0f, 4.25f, 4.5f], read);
        var vector = source.GetTensor("vector", 7);
        Assert.Equal((1, 7), (vector.Rows, vector.Columns));
        read = new float[7];
        vector.ReadRow(0, read);
        Assert.Equal([0, 0.25f, 0.5f, 0.75f, 1, 1.25f, 1.5f], read);

        using var file = SafetensorsFile.Open(Target);
        Assert.Equal(("pt", "12"), (file.Header.Metadata["format"], file.Header.Metadata["step"]));
    }

    [Fact]
    public void Data_starts_at_a_multiple_of_eight_and_every_tensor_at_one_of_its_elements()
    {
        var writer = new SafetensorsWriter();
        writer.Add("odd", TensorDataType.BF16, [3], Fill);
        writer.Add("bytes", "U8", [1], new byte[1]);
        writer.Add("wide", TensorDataType.F32, [3], Fill);
        writer.Add("longs", "I64", [1], new byte[8]);
        writer.Write(Target);

        Assert.Equal(0ul, BinaryPrimitives.ReadUInt64LittleEndian(File.ReadAllBytes(Target)) % 8);
        using var file = SafetensorsFile.Open(Target);
        Assert.All(file.Header.Tensors, tensor => Assert.Equal(0, tensor.Begin % (SafetensorsDataTypes.BitsOf(tensor.DataType) / 8)));
    }

    [Fact]
    public void Tensors_of_no_elements_and_scalars_are_written()
    {
        var writer = new SafetensorsWriter();
        writer.Add("empty", TensorDataType.F32, [0, 4], Fill);
        writer.Add("narrow", TensorDataType.F32, [4, 0], Fill);
        writer.Add("scalar", "F32", [], new byte[4]);
        writer.Write(Target);
        using var file = SafetensorsFile.Open(Target);
        Assert.Equal(3, file.Header.Tensors.Count);
    }

    [Fact]
    public void Failed_write_leaves_the_earlier_file_and_nothing_else()
    {
        File.WriteAllText(Target, "earlier");
        var writer = new SafetensorsWriter();
        writer.Add("t", TensorDataType.F32, [4, 4], (row, _) =>
        {
            if (row == 2)
            {
                throw new InvalidOperationException("no third row");
            }
        });
        Assert.Throws<InvalidOperationException>(() => writer.Write(Target));
        Assert.Equal("earlier", File.ReadAllText(Target));
        Assert.Single(_directory.GetFiles());
    }

    [Fact]
    public void Bad_declarations_are_refused()
    {
        var writer = new SafetensorsWriter();
        writer.Add("t", TensorDataType.F32, [1], Fill);
        Assert.Throws<ArgumentException>(() => writer.Add("t", TensorDataType.F32, [1], Fill));
        Assert.Throws<ArgumentException>(() => writer.Add("", TensorDataType.F32, [1], Fill));
        Assert.Throws<ArgumentException>(() => writer.Add("__metadata__", TensorDataType.F32, [1], Fill));
        Assert.Throws<ArgumentException>(() => writer.Add("scalar", TensorDataType.F32, [], Fill));
        Assert.Throws<ArgumentException>(() => writer.Add("negative", TensorDataType.F32, [-1], Fill));
        Assert.Throws<ArgumentException>(() => writer.Add("huge", TensorDataType.F32, [1L << 60, 4], Fill));
        Assert.Throws<ArgumentException>(() => writer.Add("size", "F32", [2], new byte[7]));
        Assert.Throws<ArgumentException>(() => writer.Add("type", "F33", [2], new byte[8]));
    }

    private static void Fill(int row, Span<float> destination)
    {
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = row + (i * 0.25f);
        }
    }
}
