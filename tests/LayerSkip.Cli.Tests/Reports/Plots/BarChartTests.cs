using LayerSkip.Cli.Reports.Plots;

namespace LayerSkip.Cli.Tests.Reports.Plots;

public class BarChartTests
{
    [Theory]
    [InlineData(0.07, "8")]
    [InlineData(0.42, "50")]
    [InlineData(0.97, "100")]
    [InlineData(1, "100")]
    [InlineData(0, "1")]
    public void Axis_ends_at_a_marked_value_that_no_bar_is_above(double share, string end)
    {
        var chart = new BarChart("id", "title", "label", [("a", share, 1), ("b", share / 2, 1)]).Draw()!;

        var ticks = chart.Descendants().Where(element => element.Name.LocalName == "text" && element.Attribute("text-anchor")?.Value == "middle" && element.Attribute("class")?.Value == "tick");
        Assert.Equal(end, ticks.Last().Value);
    }
}
