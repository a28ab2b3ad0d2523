using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Requests;

public class AdditionalSettingsTests
{
    public static TheoryData<object> Fours =>
    [
        4, 4L, 4f, 4.0, 4m, (sbyte)4, (byte)4, (short)4, (ushort)4, 4u, 4ul, "4", " 4 ", Json("4"), Json("4.0"), Json("\"4\""),
        JsonValue.Create(4), JsonValue.Create("4"), JsonNode.Parse("4.0")!,
    ];

    public static TheoryData<object> NoIntegers =>
        [4.5, "four", "", true, double.NaN, 1e300, long.MaxValue, ulong.MaxValue, decimal.MaxValue, DayOfWeek.Thursday, '4', Json("4.5"), new JsonArray(4), JsonValue.Create(4.5), Json("[4]"), Json("true"), new object()];

    [Theory]
    [MemberData(nameof(Fours))]
    public void Integer_comes_in_any_type(object value) => Assert.Equal(4, Integer(value));

    [Theory]
    [MemberData(nameof(NoIntegers))]
    public void What_is_no_integer_is_refused_by_name_and_value(object value)
    {
        var error = Assert.Throws<ArgumentException>(() => Integer(value));
        Assert.Contains("exit_layer", error.Message);
        Assert.Contains("expected an integer", error.Message);
    }

    [Fact]
    public void Numbers_truth_and_texts_come_in_any_type()
    {
        foreach (var value in (object[])[0.5f, 0.5, 0.5m, "0.5", Json("0.5"), JsonValue.Create(0.5)])
        {
            Assert.Equal(0.5f, AdditionalSettings.Number(new() { ["min_p"] = value }, "min_p"));
        }

        foreach (var value in (object[])[true, "true", 1, 1u, (byte)1, 1.0, Json("true"), JsonValue.Create(true)])
        {
            Assert.True(AdditionalSettings.Boolean(new() { ["logprobs"] = value }, "logprobs"));
        }

        Assert.Equal("ada", AdditionalSettings.Text(new() { ["prefix_scope"] = JsonValue.Create("ada") }, "prefix_scope"));
        Assert.Equal(DecodingMode.EarlyExit, Mode(JsonValue.Create("early-exit")));
        Assert.Equal(1f, AdditionalSettings.Number(new() { ["min_p"] = 1u }, "min_p"));
    }

    [Fact]
    public void Absent_and_null_are_unset()
    {
        Assert.Null(AdditionalSettings.Integer(null, "exit_layer"));
        Assert.Null(AdditionalSettings.Integer([], "exit_layer"));
        Assert.Null(Integer(null));
        Assert.Null(Integer(Json("null")));
        Assert.Null(Mode(null));
    }

    [Theory]
    [InlineData("autoregressive", DecodingMode.Autoregressive)]
    [InlineData("self-speculative", DecodingMode.SelfSpeculative)]
    [InlineData("SelfSpeculative", DecodingMode.SelfSpeculative)]
    [InlineData("self_speculative", DecodingMode.SelfSpeculative)]
    [InlineData("Early-Exit", DecodingMode.EarlyExit)]
    public void Mode_comes_in_any_spelling(string name, DecodingMode mode)
    {
        Assert.Equal(mode, Mode(name));
        Assert.Equal(mode, Mode(JsonSerializer.SerializeToElement(name)));
        Assert.Equal(mode, Mode(mode));
    }

    [Fact]
    public void Unknown_mode_is_refused_by_value()
    {
        var error = Assert.Throws<ArgumentException>(() => Mode("fast"));
        Assert.Contains("\"decoding_mode\"] is fast (String), expected autoregressive, self-speculative or early-exit", error.Message);
        Assert.Throws<ArgumentException>(() => Mode(1));
        Assert.Throws<ArgumentException>(() => Mode((DecodingMode)9));
    }

    [Fact]
    public void Typed_methods_write_what_is_read()
    {
        var options = new ChatOptions();

        Assert.Same(options, options.WithExitLayer(4).WithNumSpeculations(6).WithDecodingMode(DecodingMode.EarlyExit));

        Assert.Equal(4, AdditionalSettings.Integer(options.AdditionalProperties, "exit_layer"));
        Assert.Equal(6, AdditionalSettings.Integer(options.AdditionalProperties, "num_speculations"));
        Assert.Equal(DecodingMode.EarlyExit, AdditionalSettings.Mode(options.AdditionalProperties, "decoding_mode"));
        Assert.Equal("early-exit", options.AdditionalProperties!["decoding_mode"]);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.WithDecodingMode((DecodingMode)7));
    }

    private static JsonElement Json(string json) => JsonElement.Parse(json);

    private static int? Integer(object? value) => AdditionalSettings.Integer(new() { ["exit_layer"] = value }, "exit_layer");

    private static DecodingMode? Mode(object? value) => AdditionalSettings.Mode(new() { ["decoding_mode"] = value }, "decoding_mode");
}
