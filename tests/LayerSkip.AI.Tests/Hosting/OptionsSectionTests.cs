using LayerSkip.AI.Hosting;
using Microsoft.Extensions.Configuration;

namespace LayerSkip.AI.Tests.Hosting;

public class OptionsSectionTests
{
    [Theory]
    [InlineData("Tempreture", "0.5", "The configuration has 'LayerSkip:Tempreture', expected one of AllowControlTokensInMessages, Compression, ")]
    [InlineData("Threads", "many", "The configuration's 'LayerSkip:Threads' is 'many', expected a whole number.")]
    [InlineData("Threads", "3000000000", "'3000000000', expected a whole number.")]
    [InlineData("Mode", "fast", "'LayerSkip:Mode' is 'fast', expected one of Autoregressive, SelfSpeculative, EarlyExit.")]
    [InlineData("WeightFormat", "", "'LayerSkip:WeightFormat' is '', expected one of Auto, ")]
    [InlineData("TopP", "0,9x", "'LayerSkip:TopP' is '0,9x', expected a number.")]
    [InlineData("StopHostOnLoadFailure", "yes", "'LayerSkip:StopHostOnLoadFailure' is 'yes', expected true or false.")]
    [InlineData("ModelPath:Nested", "x", "'LayerSkip:ModelPath' is a section, expected a text.")]
    [InlineData("Threads:Nested", "x", "'LayerSkip:Threads' is a section, expected a whole number.")]
    public void Message_names_key_value_and_expectation(string key, string value, string expected) =>
        Assert.Contains(expected, Assert.Single(OptionsSection.Check<LayerSkipOptions>(Section((key, value)), out _)));

    [Fact]
    public void All_errors_come_at_once()
    {
        var section = Section(("Mode", "x"), ("Threads", "y"), ("Exit", "2"), ("TopK", "7"));

        Assert.Equal(3, OptionsSection.Check<LayerSkipOptions>(section, out var right).Count);
        Assert.Equal([KeyValuePair.Create("TopK", (string?)"7")], right.AsEnumerable());
    }

    [Fact]
    public void Absent_and_empty_values_of_optional_settings_are_right()
    {
        var section = Section(("exitlayer", null), ("Threads", ""), ("Mode", "EARLYEXIT"), ("Temperature", "1e-1"), ("ModelPath", null));
        Assert.Empty(OptionsSection.Check<LayerSkipOptions>(section, out var right));
        Assert.Same(section, right);
    }

    [Fact]
    public void Whole_configuration_may_hold_other_keys()
    {
        var root = new ConfigurationBuilder().AddInMemoryCollection([new("PATH", "x"), new("ModelPath", "y")]).Build();
        Assert.Empty(OptionsSection.Check<LayerSkipOptions>(root, out _));
    }

    private static IConfigurationSection Section(params (string Key, string? Value)[] values) => new ConfigurationBuilder()
        .AddInMemoryCollection(values.Select(value => KeyValuePair.Create("LayerSkip:" + value.Key, value.Value)))
        .Build()
        .GetSection("LayerSkip");
}
