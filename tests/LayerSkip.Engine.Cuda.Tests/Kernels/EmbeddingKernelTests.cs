using LayerSkip.Engine.Cuda.Verification;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Rows of the embedding, exactly as they are stored.</summary>
public class EmbeddingKernelTests
{
    public static TheoryData<string> Formats => KernelBenches.Formats;

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_tokens_row_is_what_is_stored(string format)
    {
        var random = new Random(1);
        foreach (var (tokens, width) in new[] { (5, 1), (12, 64), (40, 333) })
        {
            KernelBenches.AssertRight(new EmbeddingCase(KernelBenches.Format(format), tokens, width, rows: 19, random));
        }
    }
}
