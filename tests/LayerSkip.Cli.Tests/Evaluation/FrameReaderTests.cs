using LayerSkip.Cli.Evaluation;

namespace LayerSkip.Cli.Tests.Evaluation;

public class FrameReaderTests
{
    [Theory]
    [InlineData("decoupled", "[IN:GET_WEATHER [SL:LOCATION new york ] ]", "[IN:GET_WEATHER [SL:LOCATION new york ] ]")]
    [InlineData("decoupled", "[IN:GET_WEATHER[SL:LOCATION  new york]]", "[IN:GET_WEATHER [SL:LOCATION new york ] ]")]
    [InlineData("decoupled", "[IN:GET_WEATHER", null)]
    [InlineData("decoupled", "", null)]
    [InlineData("index", "[IN:GET_WEATHER [SL:LOCATION 2 3 ] ]", "[IN:GET_WEATHER [SL:LOCATION new york ] ]")]
    [InlineData("index", "[IN:GET_WEATHER [SL:LOCATION \"york\" ] ]", "[IN:GET_WEATHER [SL:LOCATION york ] ]")]
    [InlineData("index", "[IN:GET_WEATHER [SL:LOCATION 2 4 ] ]", null)]
    [InlineData("index", "[IN:GET_WEATHER [SL:LOCATION new york ] ]", null)]
    [InlineData("index", "[IN:GET_WEATHER", null)]
    public void Frames_are_read_in_the_decoupled_form(string form, string text, string? expected) =>
        Assert.Equal(expected, FrameReader.Read(text, Enum.Parse<TargetForm>(form, ignoreCase: true), "weather in new york")?.ToString());
}
