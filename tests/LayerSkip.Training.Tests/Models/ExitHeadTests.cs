using LayerSkip.Training.Models;

namespace LayerSkip.Training.Tests.Models;

public class ExitHeadTests
{
    [Theory]
    [InlineData(50, 2048)]
    [InlineData(2304, 1820)]
    [InlineData(16384, 256)]
    [InlineData(32000, 256)]
    [InlineData(128256, 256)]
    public void Chunks_are_of_rows_enough_to_be_worth_packing_the_head(int vocabulary, int rows) =>
        Assert.Equal(rows, ExitHead.ChunkRows(Shapes.Tiny() with { VocabularySize = vocabulary }));
}
