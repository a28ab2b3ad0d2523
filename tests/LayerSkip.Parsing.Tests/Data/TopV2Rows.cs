using LayerSkip.Parsing.Data;
using LayerSkip.Tests;

namespace LayerSkip.Parsing.Tests.Data;

/// <summary>The real data beside the checkout; skips the running test where it is absent.</summary>
internal static class TopV2Rows
{
    /// <summary>All rows of the files <c>*_{split}*.tsv</c> of a folder of the data.</summary>
    public static IEnumerable<TopV2Row> OfSplit(string split, string folder = "topv2") =>
        Directory.GetFiles(SharedData.Require(folder), $"*_{split}*.tsv").Order(StringComparer.Ordinal).SelectMany(TopV2File.Read);
}
