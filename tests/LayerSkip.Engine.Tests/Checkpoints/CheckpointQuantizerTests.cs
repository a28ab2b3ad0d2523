using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints;

/// <summary>Quantised checkpoints on disk: the same model as quantising at load, and refused where they are damaged.</summary>
public sealed class CheckpointQuantizerTests : IDisposable
{
    private const string Gate = "model.layers.1.mlp.gate_proj.weight";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("layerskip-");

    private string Target => Path.Combine(_folder.FullName, "quantised");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(TensorDataType.Int8, FinerWeights.None, false)]
    [InlineData(TensorDataType.Int4, FinerWeights.None, false)]
    [InlineData(TensorDataType.Int4, FinerWeights.Head, false)]
    [InlineData(TensorDataType.Int8, FinerWeights.Head | FinerWeights.Embeddings, false)]
    [InlineData(TensorDataType.Int4, FinerWeights.Embeddings, true)]
    [InlineData(TensorDataType.Int4, FinerWeights.None, true)]
    public void A_written_checkpoint_is_the_model_that_is_quantised_at_load(TensorDataType type, FinerWeights finer, bool tied)
    {
        var format = type == TensorDataType.Int8 ? WeightFormat.Int8 : WeightFormat.Int4;
        using var tiny = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { TiedEmbeddings = tied }, TensorDataType.BF16, seed: 3);
        using var source = Checkpoint.Open(tiny.Directory);
        CheckpointQuantizer.Write(source, Target, type, finer);
        using var written = Checkpoint.Open(Target);
        Assert.Equal(source.Config, written.Config);

        using var atLoad = CpuModel.Load(source.Config, source.Weights, format, 2, SimdPaths.Choose(), finer: finer);
        using var fromFile = CpuModel.Load(written.Config, written.Weights, WeightFormat.Auto, 1, SimdPath.Portable);
        Assert.Equal(format, fromFile.WeightFormat);
        Assert.Equal(atLoad.WeightBytes, fromFile.WeightBytes);
        Assert.Equal(Logits(atLoad), Logits(fromFile));
    }

    [Fact]
    public void A_written_checkpoint_widens_to_floats()
    {
        using var tiny = TinyCheckpoint.Write(seed: 4);
        using var source = Checkpoint.Open(tiny.Directory);
        CheckpointQuantizer.Write(source, Target, TensorDataType.Int4);
        using var written = Checkpoint.Open(Target);
        var (tensor, original) = (written.Weights.GetTensor(Gate, 80, 48), source.Weights.GetTensor(Gate, 80, 48));
        var (values, scales, row, expected) = (new sbyte[48], new float[2], new float[48], new float[48]);
        for (var i = 0; i < 80; i++)
        {
            original.ReadRow(i, row);
            WeightBlocks.Quantize(TensorDataType.Int4, row, values, scales);
            WeightBlocks.Dequantize(values, scales, expected);
            tensor.ReadRow(i, row);
            Assert.Equal(expected, row);
        }

        using var model = CpuModel.Load(written.Config, written.Weights, WeightFormat.F32, 1, SimdPaths.Choose());
        Assert.Equal(WeightFormat.F32, model.WeightFormat);
    }

    [Fact]
    public void Whatever_lies_beside_the_weights_is_copied()
    {
        using var tiny = TinyCheckpoint.Write(shards: 2);
        foreach (var name in (string[])["tokenizer.json", "LICENSE", "pytorch_model.bin", "chat_template.jinja", "additional_chat_templates/tool_use.jinja"])
        {
            var path = Path.Combine(tiny.Directory, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, name);
        }

        using var source = Checkpoint.Open(tiny.Directory);
        CheckpointQuantizer.Write(source, Target, TensorDataType.Int8);
        Assert.Equal(
            ["LICENSE", "additional_chat_templates/tool_use.jinja", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"],
            Directory.EnumerateFiles(Target, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(Target, file).Replace('\\', '/')).Order(StringComparer.Ordinal));
        Assert.Equal("LICENSE", File.ReadAllText(Path.Combine(Target, "LICENSE")));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_symbolic_link_stays_and_what_it_leads_to_is_written(bool exists, bool full)
    {
        using var tiny = TinyCheckpoint.Write();
        using var source = Checkpoint.Open(tiny.Directory);
        var disk = Path.Combine(_folder.FullName, "disk");
        Directory.CreateDirectory(disk);
        var real = Path.Combine(disk, "real");
        if (exists)
        {
            Directory.CreateDirectory(real);
        }

        if (full)
        {
            File.WriteAllText(Path.Combine(real, "notes"), "mine");
        }

        Directory.CreateSymbolicLink(Target, real);
        CheckpointQuantizer.Write(source, Target, TensorDataType.Int8, replace: full);

        Assert.Equal(real, new DirectoryInfo(Target).LinkTarget);
        Assert.Equal(["disk", "quantised"], Directory.EnumerateFileSystemEntries(_folder.FullName).Select(Path.GetFileName).Order());
        Assert.Equal([real], Directory.EnumerateFileSystemEntries(disk));
        Checkpoint.Open(real).Dispose();
    }

    [Fact]
    public void Nothing_is_overwritten_and_nothing_half_written()
    {
        using var tiny = TinyCheckpoint.Write();
        using var source = Checkpoint.Open(tiny.Directory);
        Directory.CreateDirectory(Target);
        var notes = Path.Combine(Target, "notes");
        File.WriteAllText(notes, "mine");
        Assert.Contains("is not empty", Assert.Throws<IOException>(() => CheckpointQuantizer.Write(source, Target, TensorDataType.Int8)).Message, StringComparison.Ordinal);
        Assert.Contains("is a file", Assert.Throws<IOException>(() => CheckpointQuantizer.Write(source, notes, TensorDataType.Int8)).Message, StringComparison.Ordinal);
        var link = Path.Combine(_folder.FullName, "link");
        Directory.CreateSymbolicLink(link, tiny.Directory);
        foreach (var same in (string[])[tiny.Directory, tiny.Directory + Path.DirectorySeparatorChar, link])
        {
            Assert.Contains(
                "is the checkpoint itself",
                Assert.Throws<IOException>(() => CheckpointQuantizer.Write(source, same, TensorDataType.Int8, replace: true)).Message,
                StringComparison.Ordinal);
        }

        Directory.Delete(link);
        Assert.Equal([notes], Directory.EnumerateFileSystemEntries(Target));

        CheckpointQuantizer.Write(source, Target, TensorDataType.Int8, replace: true);
        Assert.Equal("mine", File.ReadAllText(notes));
        using (var written = Checkpoint.Open(Target))
        {
            var again = Assert.Throws<CheckpointException>(() => CheckpointQuantizer.Write(written, Target + "2", TensorDataType.Int4));
            Assert.Contains("is quantised already", again.Message, StringComparison.Ordinal);
        }

        using var infinite = TinyCheckpoint.Write();
        ReplaceTensor(infinite.Directory, Gate, "F32", [80, 48], [.. Enumerable.Repeat(BitConverter.GetBytes(float.NaN), 80 * 48).SelectMany(bytes => bytes)]);
        using var bad = Checkpoint.Open(infinite.Directory);
        var error = Assert.Throws<CheckpointException>(() => CheckpointQuantizer.Write(bad, Target + "3", TensorDataType.Int4));
        Assert.Contains($"tensor '{Gate}': row 0 holds a NaN", error.Message, StringComparison.Ordinal);
        Assert.Equal([Target], _folder.EnumerateFileSystemInfos().Select(entry => entry.FullName));
    }

    [Fact]
    public void Damaged_blocks_are_refused_by_name()
    {
        using var tiny = TinyCheckpoint.Write();
        using var source = Checkpoint.Open(tiny.Directory);
        CheckpointQuantizer.Write(source, Target, TensorDataType.Int8);
        var weights = File.ReadAllBytes(Path.Combine(Target, "model.safetensors"));

        // As int8, too few columns of integers; scales that are too few, of another type, or missing.
        Refused(Gate, "I8", [80, 32], "has shape [80, 32], expected [80, 48]");
        Refused(Gate, "U8", [80, 48], "has shape [80, 48], expected [80, 32] for a matrix [80, 48]");
        Refused(Gate + "_scale", "F32", [80, 1], "is F32 of shape [80, 1], expected F32 of shape [80, 2]");
        Refused(Gate + "_scale", "F16", [80, 2], "is F16 of shape [80, 2], expected F32 of shape [80, 2]");
        Refused(Gate + "_scale", null, [], $"tensor '{Gate}_scale', are missing");

        foreach (var value in (float[])[float.NaN, float.NegativeInfinity])
        {
            File.WriteAllBytes(Path.Combine(Target, "model.safetensors"), weights);
            var scales = new float[160];
            scales[7] = value;
            ReplaceTensor(Target, Gate + "_scale", "F32", [80, 2], [.. scales.SelectMany(BitConverter.GetBytes)]);
            using var checkpoint = Checkpoint.Open(Target);
            foreach (var format in (WeightFormat[])[WeightFormat.Auto, WeightFormat.F32, WeightFormat.Int4])
            {
                var error = Assert.Throws<CheckpointException>(() => CpuModel.Load(checkpoint.Config, checkpoint.Weights, format, 2, SimdPaths.Choose()));
                Assert.Contains($"tensor '{Gate}_scale': row 3 holds {value}", error.Message, StringComparison.Ordinal);
            }
        }

        void Refused(string name, string? type, long[] shape, string expected)
        {
            File.WriteAllBytes(Path.Combine(Target, "model.safetensors"), weights);
            var bytes = type is null ? 0 : shape.Aggregate(SafetensorsDataTypes.BitsOf(type)!.Value / 8, (size, dimension) => size * (int)dimension);
            ReplaceTensor(Target, name, type, shape, new byte[bytes]);
            var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(Target).Dispose());
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
            Assert.Contains(Gate, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Four_bits_pack_and_unpack()
    {
        var random = new Random(2);
        for (var length = 1; length < 100; length++)
        {
            var values = new sbyte[length];
            foreach (ref var value in values.AsSpan())
            {
                value = (sbyte)random.Next(-8, 8);
            }

            var packed = new byte[(length + 31) / 32 * 16];
            QuantizedTensors.PackInt4(values, packed);
            var unpacked = new sbyte[length];
            QuantizedTensors.UnpackInt4(packed, unpacked);
            Assert.Equal(values, unpacked);
        }
    }

    private static float[] Logits(CpuModel model)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(5);
        rows.Place(0, 5, cache, 0);
        model.Embed(rows, 0, [1, 5, 9, 2, 3]);
        model.RunLayers(rows, 0, 5, 0, model.Config.Layers);
        var logits = new float[5 * model.Config.VocabularySize];
        model.Logits(rows, 0, 5, logits);
        return logits;
    }

    /// <summary>Writes the weights anew with one tensor replaced, or left out where <paramref name="type"/> is null.</summary>
    private static void ReplaceTensor(string directory, string name, string? type, long[] shape, byte[] data)
    {
        var path = Path.Combine(directory, "model.safetensors");
        var writer = new SafetensorsWriter();
        using (var file = SafetensorsFile.Open(path))
        {
            foreach (var entry in file.Header.Tensors.Where(entry => entry.Name != name))
            {
                using var bytes = file.Take(entry.Begin, (int)(entry.End - entry.Begin));
                writer.Add(entry.Name, entry.DataType, entry.Shape, bytes.Bytes.ToArray());
            }

            if (type is not null)
            {
                writer.Add(name, type, shape, data);
            }
        }

        writer.Write(path);
    }
}
