using LayerSkip.Cli.Sweeping;

namespace LayerSkip.Cli.Tests.Sweeping;

public class CsvTests
{
    [Fact]
    public void What_is_written_is_read_back()
    {
        var random = new Random(1);
        const string Alphabet = "ab,\"\n 1";
        for (var i = 0; i < 500; i++)
        {
            string[][] records =
            [
                .. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Enumerable.Range(0, random.Next(2, 5))
                    .Select(_ => new string([.. Enumerable.Range(0, random.Next(6)).Select(_ => Alphabet[random.Next(Alphabet.Length)])])).ToArray()),
            ];

            var text = string.Concat(records.Select(record => Csv.Line(record) + "\n"));

            Assert.Equal(records, Csv.Records(text).Select(record => record.Fields));
        }
    }

    [Fact]
    public void Records_know_their_line()
    {
        var records = Csv.Records("a,b\r\n\"x\ny\",2\r\nlast,3").ToArray();

        Assert.Equal([1, 2, 4], records.Select(record => record.Line));
        Assert.Equal(["x\ny", "2"], records[1].Fields);
        Assert.Equal(["last", "3"], records[2].Fields);
    }
}
