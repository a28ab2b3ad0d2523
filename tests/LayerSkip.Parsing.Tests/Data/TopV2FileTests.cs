using LayerSkip.Parsing.Data;

namespace LayerSkip.Parsing.Tests.Data;

public class TopV2FileTests
{
    private const string Header = "domain\tutterance\tsemantic_parse\n";

    [Fact]
    public void Rows_are_read_in_order_with_their_lines()
    {
        var rows = Read(Header.TrimEnd() + "\r\nmusic\tplay \"halo\"\t[IN:PLAY_MUSIC play \" [SL:T halo ] \" ]\r\nalarm\tstop\t[IN:STOP stop ]").ToArray();
        Assert.Equal(("music", "play \"halo\"", 2), (rows[0].Domain, rows[0].Utterance, rows[0].Line));
        Assert.Equal("[IN:STOP stop ]", rows[1].Parse.ToString());
        Assert.Equal(3, rows[1].Line);
        Assert.Equal(2, rows.Length);
    }

    [Fact]
    public void The_header_of_the_low_resource_splits_is_known() =>
        Assert.Single(Read("domain\tutterance\tseqlogical\nalarm\tstop\t[IN:STOP stop ]\n"));

    [Theory]
    [InlineData("", 1, "found an empty file")]
    [InlineData("utterance\tdomain\tsemantic_parse\n", 1, "expected the header")]
    [InlineData(Header + "alarm\tstop\n", 2, "separated by tabs, found two columns: \"alarm<tab>stop\"")]
    [InlineData(Header + "alarm\tstop\t[IN:STOP stop ]\tx\n", 2, "separated by tabs, found more columns")]
    [InlineData(Header + "\n", 2, "found an empty line")]
    [InlineData(Header + "alarm\n", 2, "found one column: \"alarm\"")]
    [InlineData(Header + "alarm\t \t[IN:STOP stop ]\n", 2, "the utterance is empty")]
    [InlineData(Header + "alarm\tstop\t\n", 2, "the semantic_parse is empty")]
    [InlineData(Header + "\tstop\t[IN:STOP stop ]\n", 2, "the domain is empty")]
    [InlineData(Header + "alarm\t\t[IN:STOP stop ]\n", 2, "the utterance is empty")]
    [InlineData(Header + "alarm\tstop\t[IN:STOP stop ]\nalarm\tstop\t[IN:STOP stop\n", 3, "Position 13 of the parse: expected ]")]
    [InlineData(Header + "alarm\tstop\t[IN:STOP [IN:STOP ] ]\n", 2, "an intent holds words and slots")]
    public void A_bad_row_is_named_by_file_and_line(string text, int line, string message)
    {
        var error = Assert.Throws<InvalidDataException>(() => Read(text).Count());
        Assert.StartsWith($"rows.tsv, line {line}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_before_a_bad_one_stream_out()
    {
        var first = Read(Header + "alarm\tstop\t[IN:STOP stop ]\nbroken\n").First();
        Assert.Equal("alarm", first.Domain);
    }

    [Fact]
    public void A_line_without_end_is_refused_before_it_fills_memory()
    {
        using var endless = new EndlessReader();
        var error = Assert.Throws<InvalidDataException>(() => TopV2File.Read(endless, "rows.tsv").Count());
        Assert.Contains("line 1: expected at most 1048576 characters", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [.. System.Text.Encoding.UTF8.GetBytes(Header), 0xC3, 0x28, 0x0A]);
            var error = Assert.Throws<InvalidDataException>(() => TopV2File.Read(path).Count());
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
            Assert.Contains("UTF-8", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IEnumerable<TopV2Row> Read(string text) => TopV2File.Read(new StringReader(text), "rows.tsv");

    private sealed class EndlessReader : TextReader
    {
        public override int Read(char[] buffer, int index, int count)
        {
            buffer.AsSpan(index, count).Fill('x');
            return count;
        }
    }
}
