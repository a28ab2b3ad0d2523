using System.Buffers.Binary;
using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;

namespace LayerSkip.Engine.Tests.Checkpoints.Gguf;

public class GgufHeaderTests
{
    [Theory]
    [InlineData("", "is empty")]
    [InlineData("GGML0000000000000000000000000000", "does not begin with 'GGUF'")]
    [InlineData("GGU", "does not begin with 'GGUF', expected a GGUF file")]
    [InlineData("GGUF", "the version takes 4 bytes at offset 4, but 0 follow: the file is truncated or damaged")]
    [InlineData("GGUF\u0003\0\0\0tensors", "the number of tensors takes 8 bytes at offset 8, but 7 follow: the file is truncated or damaged")]
    public void What_is_no_such_file_is_refused(string content, string message) =>
        Assert.Contains(message, TinyGguf.Refusal(Encoding.ASCII.GetBytes(content)), StringComparison.Ordinal);

    [Theory]
    [InlineData(1u)]
    [InlineData(4u)]
    [InlineData(0x03000000u)] // version 3, the other byte order
    public void Other_versions_are_refused(uint version) =>
        Assert.Contains($"GGUF version is {version}, expected 2 or 3", TinyGguf.Refusal(Front(version: version)), StringComparison.Ordinal);

    [Theory]
    [InlineData(ulong.MaxValue, 0ul, "lists 18446744073709551615 tensors, but")]
    [InlineData(1ul << 40, 0ul, "lists 1099511627776 tensors, but")]
    [InlineData(0ul, ulong.MaxValue, "lists 18446744073709551615 keys, but")]
    [InlineData(0ul, 1000ul, "lists 1000 keys, but")]
    public void Counts_beyond_the_file_are_refused(ulong tensors, ulong keys, string message) =>
        Assert.Contains(message, TinyGguf.Refusal(Front(tensors: tensors, keys: keys, rest: new byte[64])), StringComparison.Ordinal);

    [Fact]
    public void Strings_and_arrays_beyond_the_file_are_refused()
    {
        Expect("a key's name at offset 24 is 18446744073709551615 bytes long, expected at most 65535", Bytes(ulong.MaxValue));
        Expect("key 'k' takes 1152921504606846976 bytes", Key("k", GgufValueType.String, Bytes(1ul << 60)));
        Expect("is an array of 18446744073709551615, but", Key("k", GgufValueType.Array, [.. Type(GgufValueType.UInt8), .. Bytes(ulong.MaxValue)]));
        Expect("is an array of 4611686018427387904, but", Key("k", GgufValueType.Array, [.. Type(GgufValueType.UInt32), .. Bytes(1ul << 62)]));
        Expect("is an array of 1000000, but", Key("k", GgufValueType.Array, [.. Type(GgufValueType.String), .. Bytes(1_000_000ul)]));
        Expect("is an array of arrays", Key("k", GgufValueType.Array, [.. Type(GgufValueType.Array), .. Bytes(1ul), .. new byte[16]]));
        Expect("has value type 13, expected 0 to 12", Key("k", (GgufValueType)13, new byte[8]));
        Expect("is given twice", [.. Key("k", GgufValueType.Bool, [1]), .. Key("k", GgufValueType.Bool, [1])], keys: 2);
        Expect("is not valid UTF-8", [.. Bytes(1ul), 0xff, .. Type(GgufValueType.Bool), 1]);

        static void Expect(string message, byte[] rest, ulong keys = 1) =>
            Assert.Contains(message, TinyGguf.Refusal(Front(keys: keys, rest: [.. rest, .. new byte[48]])), StringComparison.Ordinal);
    }

    [Fact]
    public void More_keys_tensors_and_elements_than_a_model_has_are_refused_before_they_take_memory()
    {
        // Each stands in the file in full.
        const int Keys = GgufHeader.MaxKeys + 1, Tensors = (1 << 17) + 1, Elements = (1 << 24) + 1;
        Expect($"lists {Keys} keys, expected at most {GgufHeader.MaxKeys}", Front(keys: Keys, rest: new byte[Keys * 16]));
        Expect($"lists {Tensors} tensors, expected at most {Tensors - 1}", Front(tensors: Tensors, rest: new byte[Tensors * 40]));
        byte[] ids = [.. Key("layerskip.draft_vocabulary", GgufValueType.Array, [.. Type(GgufValueType.UInt8), .. Bytes(Elements)]), .. new byte[Elements]];
        var header = GgufHeader.Parse("model.gguf", new GgufFront(Front(keys: 1, rest: ids)), fileLength: long.MaxValue);
        var error = Assert.Throws<CheckpointException>(() => header.Metadata.IntegersOrNull("layerskip.draft_vocabulary", 0, 9));
        Assert.Contains($"is an array of {Elements} UInt8, expected at most {Elements - 1}", error.Message, StringComparison.Ordinal);

        static void Expect(string message, byte[] file)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var error = Assert.Throws<CheckpointException>(() => GgufHeader.Parse("model.gguf", new GgufFront(file), file.Length));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Keys_take_no_more_memory_than_their_own()
    {
        // Names of one byte and more, values of one: the least that a key can be.
        byte[] keys = [.. Enumerable.Range(0, 50_000).SelectMany(i => Key(i.ToString("x", System.Globalization.CultureInfo.InvariantCulture), GgufValueType.Bool, [1]))];
        var file = Front(keys: 50_000, rest: keys);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(GgufHeader.Parse("model.gguf", new GgufFront(file), file.Length).Metadata.Has("c34f"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20 * file.Length);
    }

    [Fact]
    public void Hostile_tensors_are_refused()
    {
        Expect("has 0 dimensions, expected 1 to 4", Tensor("t", [], 0, 0));
        Expect("has 5 dimensions", Tensor("t", [1, 1, 1, 1, 1], 0, 0));
        Expect("has a dimension outside 1 .. 2^63 - 1", Tensor("t", [0], 0, 0));
        Expect("has a dimension outside", Tensor("t", [ulong.MaxValue], 0, 0));
        Expect("has type 99, expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K", Tensor("t", [1], 99, 0));
        Expect("has rows of 33 elements, expected a multiple of 32, the block of Q8_0", Tensor("t", [33, 2], 8, 0));
        Expect("more than 2^63 bytes", Tensor("t", [1ul << 62, 1ul << 62, 1ul << 62, 1ul << 62], 0, 0));
        Expect("begins at 4 within the data, expected a multiple of 32", Tensor("t", [1], 0, 4));
        Expect("begins at 18446744073709551615, expected an offset within the file", Tensor("t", [1], 0, ulong.MaxValue));
        Expect("takes 4 bytes at 9223372036854775776 within the data", Tensor("t", [1], 0, 9223372036854775776));
        Expect("takes 400 bytes at 0 within the data, which is", Tensor("t", [100], 0, 0));
        Expect("tensor 't' is listed twice", [.. Tensor("t", [1], 0, 0), .. Tensor("t", [1], 0, 32)], count: 2);
        Expect("tensors 't' and 'u' overlap", [.. Tensor("t", [9], 0, 0), .. Tensor("u", [1], 0, 32)], count: 2);

        static void Expect(string message, byte[] tensors, ulong count = 1) =>
            Assert.Contains(message, TinyGguf.Refusal(Front(tensors: count, rest: [.. tensors, .. new byte[160]])), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(48u)]
    [InlineData(1u << 20)]
    public void Alignments_that_are_no_small_power_of_two_are_refused(uint alignment)
    {
        byte[] key = [.. Key("general.alignment", GgufValueType.UInt32, BitConverter.GetBytes(alignment)), .. new byte[64]];
        Assert.Contains("key general.alignment is", TinyGguf.Refusal(Front(keys: 1, rest: key)), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_prefix_that_cuts_the_header_or_the_data_is_refused()
    {
        var whole = TinyGguf.Bytes();
        var random = new Random(5);
        for (var length = 0; length < whole.Length; length += random.Next(1, 61))
        {
            TinyGguf.Refusal(whole[..length]);
        }
    }

    [Fact]
    public void File_that_is_cut_short_while_its_header_is_read_is_an_error()
    {
        using var file = new TemporaryFile(TinyGguf.Bytes());
        using var stored = new StoredFile("model.gguf", File.OpenHandle(file.Path, share: FileShare.ReadWrite));
        using (var other = new FileStream(file.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            other.SetLength(100);
        }

        var error = Assert.Throws<CheckpointException>(() => GgufHeader.Parse("model.gguf", new GgufFront(stored, GgufHeader.MaxBytes), stored.Length));
        Assert.Contains("model.gguf: ends after 100 bytes, but was", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_are_read_no_further_than_their_headers_reach()
    {
        // The header is longer than what is read at first, and lies in several pieces.
        byte[] key = Key("k", GgufValueType.Array, [.. Type(GgufValueType.UInt8), .. Bytes(1 << 20), .. new byte[1 << 20]]);
        using var file = new TemporaryFile(Front(keys: 2, rest: [.. key, .. Key("l", GgufValueType.Bool, [1])]));
        using (var longer = new FileStream(file.Path, FileMode.Open))
        {
            longer.SetLength(1 << 26);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var metadata = GgufFile.ReadMetadata(file.Path);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1 << 20, 8 << 20);
        Assert.True(metadata.BooleanOrNull("l"));
        Assert.Equal(1 << 20, metadata.IntegersOrNull("k", 0, 0)!.Length);
    }

    [Fact]
    public void Changed_bytes_are_refused_or_read_and_nothing_else_comes_out()
    {
        var random = new Random(20261125);
        var types = new[] { GgufTensorType.F32, GgufTensorType.Q8_0, GgufTensorType.Q4_0 };
        var wholes = types.Select(type => TinyGguf.Bytes(type: type, generation: new GenerationDefaults { ExitLayer = 1, DraftVocabulary = [1, 2] })).ToArray();
        var (refused, trials) = (0, 1500);
        using var file = new TemporaryFile();
        for (var trial = 0; trial < trials; trial++)
        {
            var changed = wholes[trial % wholes.Length].ToArray();
            var header = changed.AsSpan().IndexOf("token_embd"u8) + 2000; // most of the changes meet keys, shapes and offsets
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                Change(changed.AsSpan(0, random.Next(4) == 0 ? changed.Length : header), random);
            }

            File.WriteAllBytes(file.Path, changed);
            try
            {
                using var model = LayerSkipModel.Load(file.Path, new ModelOptions { Threads = 1 });
                _ = GgufChatTemplate.Read(file.Path);
                _ = model.Tokenizer.Decode(model.Tokenizer.Encode("a b"));
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, trials / 4, trials - 1);
    }

    private static void Change(Span<byte> bytes, Random random)
    {
        var at = random.Next(bytes.Length - 8);
        switch (random.Next(4))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                BinaryPrimitives.WriteUInt64LittleEndian(bytes[at..], 1ul << random.Next(64));
                break;
            default:
                BinaryPrimitives.WriteInt32LittleEndian(bytes[at..], random.Next(-2, 3));
                break;
        }
    }

    private static byte[] Front(uint version = 3, ulong tensors = 0, ulong keys = 0, byte[]? rest = null) =>
        [.. "GGUF"u8, .. BitConverter.GetBytes(version), .. Bytes(tensors), .. Bytes(keys), .. rest ?? []];

    private static byte[] Key(string name, GgufValueType type, byte[] value) => [.. Text(name), .. Type(type), .. value];

    private static byte[] Tensor(string name, ulong[] dimensions, uint type, ulong offset) =>
        [.. Text(name), .. BitConverter.GetBytes((uint)dimensions.Length), .. dimensions.SelectMany(Bytes), .. BitConverter.GetBytes(type), .. Bytes(offset)];

    private static byte[] Text(string text) => [.. Bytes((ulong)text.Length), .. Encoding.ASCII.GetBytes(text)];

    private static byte[] Type(GgufValueType type) => BitConverter.GetBytes((uint)type);

    private static byte[] Bytes(ulong number) => BitConverter.GetBytes(number);
}
