using System.Text;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class SafetensorsHeaderTests
{
    [Fact]
    public void Tensors_are_listed_in_the_order_of_their_data()
    {
        var header = Parse(
            """
            {
              "b": { "dtype": "I64", "shape": [], "data_offsets": [12, 20] },
              "__metadata__": { "format": "pt", "by": "hand" },
              "a": { "shape": [3, 2], "data_offsets": [0, 12], "dtype": "BF16", "comment": { "ignored": [1, [2]] } },
              "empty": { "dtype": "F32", "shape": [0, 7], "data_offsets": [12, 12] }
            }
            """,
            20);
        Assert.Equal(["a", "empty", "b"], header.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([3L, 2L], header.Tensors[0].Shape);
        Assert.Equal(("I64", 12L, 20L), (header.Tensors[2].DataType, header.Tensors[2].Begin, header.Tensors[2].End));
        Assert.Empty(header.Tensors[2].Shape);
        Assert.Equal("hand", header.Metadata["by"]);
    }

    [Fact]
    public void Header_may_be_padded_with_spaces() => Assert.Empty(Parse("{}      ", 0).Tensors);

    [Theory]
    [InlineData("F4", 4, 2)]
    [InlineData("F6_E2M3", 4, 3)]
    [InlineData("BOOL", 3, 3)]
    [InlineData("F8_E4M3", 3, 3)]
    [InlineData("U16", 3, 6)]
    [InlineData("F64", 3, 24)]
    public void Other_types_of_the_format_are_tolerated(string dataType, int elements, int bytes) =>
        Assert.Single(Parse($$"""{ "t": { "dtype": "{{dataType}}", "shape": [{{elements}}], "data_offsets": [0, {{bytes}}] } }""", bytes).Tensors);

    [Theory]
    [InlineData("", "line 1, byte 1: not valid JSON")]
    [InlineData("[]", "header is StartArray, expected StartObject")]
    [InlineData("{", "line 1, byte 2: not valid JSON")]
    [InlineData("{} {}", "not valid JSON")]
    [InlineData("{ \"t\" }", "not valid JSON")]
    [InlineData("{ \"t\": [] }", "tensor 't' is StartArray, expected StartObject")]
    [InlineData("{ \"t\": {} }", "tensor 't': dtype is missing")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\" } }", "tensor 't': shape is missing")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2] } }", "tensor 't': data_offsets is missing")]
    [InlineData("{ \"t\": { \"dtype\": 32 } }", "tensor 't': dtype is Number, expected String")]
    [InlineData("{ \"t\": { \"dtype\": \"F33\", \"shape\": [2], \"data_offsets\": [0, 8] } }", "tensor 't': dtype is 'F33', expected one of the format's types")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": 2, \"data_offsets\": [0, 8] } }", "tensor 't': shape is Number, expected StartArray")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [-2], \"data_offsets\": [0, 8] } }", "tensor 't': shape holds something else than integers")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2.0], \"data_offsets\": [0, 8] } }", "tensor 't': shape holds something else than integers")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [\"2\"], \"data_offsets\": [0, 8] } }", "tensor 't': shape holds something else than integers")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [99999999999999999999], \"data_offsets\": [0, 8] } }", "tensor 't': shape holds something else than integers")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], \"data_offsets\": [0, 4] } }", "tensor 't': shape has more than 32 numbers")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [1152921504606846976], \"data_offsets\": [0, 8] } }", "tensor 't': shape [1152921504606846976] of F32 is no whole number of bytes below 2^60")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [4294967296, 4294967296], \"data_offsets\": [0, 0] } }", "tensor 't': shape [4294967296, 4294967296] of F32")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [9223372036854775807, 9223372036854775807, 9223372036854775807], \"data_offsets\": [0, 0] } }", "tensor 't': shape [")]
    [InlineData("{ \"t\": { \"dtype\": \"F4\", \"shape\": [3], \"data_offsets\": [0, 2] } }", "tensor 't': shape [3] of F4 is no whole number of bytes")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 9] } }", "tensor 't': data_offsets are [0, 9], expected [begin, begin + 8]")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [8, 0] } }", "tensor 't': data_offsets are [8, 0]")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0] } }", "tensor 't': data_offsets are [0]")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8, 16] } }", "tensor 't': data_offsets has more than 2 numbers")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [9223372036854775800, 9223372036854775807] } }", "tensor 't': data_offsets are [9223372036854775800, 9223372036854775807]")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 12] } }", "holds 8 bytes of data, expected 12: the file is truncated")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4] } }", "holds 8 bytes of data, expected 4: bytes follow the last tensor")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8] } }", "tensor 't' begins at byte 4 of the data and leaves a hole before it, expected 0")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8] }, \"u\": { \"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8] } }", "tensor 'u' begins at byte 4 of the data and overlaps the tensor before it, expected 8")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8] }, \"t\": { \"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8] } }", "header names 't' twice")]
    [InlineData("{ \"t\": { \"dtype\": \"F32\", \"dtype\": \"F16\", \"shape\": [2], \"data_offsets\": [0, 8] } }", "tensor 't': dtype is given twice")]
    [InlineData("{ \"__metadata__\": [] }", "__metadata__ is StartArray, expected StartObject")]
    [InlineData("{ \"__metadata__\": { \"a\": 1 } }", "__metadata__.a is Number, expected String")]
    [InlineData("{ \"__metadata__\": { \"a\": \"1\", \"a\": \"2\" } }", "__metadata__ holds 'a' twice")]
    [InlineData("{ \"\\ud800\": {} }", "holds a string that is not valid Unicode text")]
    public void Bad_header_is_refused(string header, string message)
    {
        var error = Assert.Throws<CheckpointException>(() => Parse(header, 8));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("m.safetensors: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused() =>
        Assert.Throws<CheckpointException>(() => SafetensorsHeader.Parse("m.safetensors", [(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':', (byte)'{', (byte)'}', (byte)'}'], 0));

    [Fact]
    public void Deep_nesting_is_refused()
    {
        var deep = new string('[', 1_000_000) + new string(']', 1_000_000);
        Assert.Throws<CheckpointException>(() => Parse($$"""{ "t": { "x": {{deep}} } }""", 0));
    }

    [Fact]
    public void Many_tensors_take_linear_time()
    {
        var entries = Enumerable.Range(0, 200_000).Select(i => $$"""
            "t{{i}}":{"dtype":"U8","shape":[1],"data_offsets":[{{i}},{{i + 1}}]}
            """);
        Assert.Equal(200_000, Parse($"{{{string.Join(',', entries)}}}", 200_000).Tensors.Count);
    }

    [Fact]
    public void More_tensors_and_strings_than_a_model_has_are_refused()
    {
        var tensors = string.Join(',', Enumerable.Range(0, (1 << 19) + 1).Select(i => $$"""
            "{{i:x}}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}
            """));
        Assert.Contains("names more than 524288 tensors", Assert.Throws<CheckpointException>(() => Parse($"{{{tensors}}}", 0)).Message, StringComparison.Ordinal);
        var strings = string.Join(',', Enumerable.Range(0, (1 << 16) + 1).Select(i => $"\"{i:x}\":\"\""));
        Assert.Contains(
            "holds more than 65536 strings", Assert.Throws<CheckpointException>(() => Parse($$$"""{"__metadata__":{{{{strings}}}}}""", 0)).Message, StringComparison.Ordinal);
    }

    private static SafetensorsHeader Parse(string header, long dataLength) =>
        SafetensorsHeader.Parse("m.safetensors", Encoding.UTF8.GetBytes(header), dataLength);
}
