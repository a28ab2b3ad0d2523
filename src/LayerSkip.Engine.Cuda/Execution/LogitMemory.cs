using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>Device memory for the logits of a pass, and for what becomes of them where tokens are drawn or guesses judged. It is taken when it is first asked for, and stays where it is.</summary>
internal sealed class LogitMemory(CudaContext context, Geometry geometry)
{
    /// <summary>Most rows of a pass: the last input and the longest draft.</summary>
    public const int MostRows = 1 + DecodingPlan.MaxSpeculations;

    /// <summary>float [<see cref="MostRows"/>, vocabulary]; 0 before <see cref="Reserve"/>.</summary>
    public ulong Logits { get; private set; }

    /// <summary>float [<see cref="MostRows"/>]: how likely the tokens drawn, or guessed, were to be.</summary>
    public ulong Likelihoods => Logits + (ulong)LogitBytes;

    /// <summary>int [<see cref="MostRows"/>]: whether there is a token to draw.</summary>
    public ulong Valid => Logits + (ulong)(LogitBytes + (MostRows * sizeof(float)));

    private long LogitBytes => (long)MostRows * geometry.Config.VocabularySize * sizeof(float);

    /// <summary>Logits from a row on.</summary>
    public ulong LogitsOf(int row) => Logits + ((ulong)row * (ulong)geometry.Config.VocabularySize * sizeof(float));

    /// <summary>Likelihoods from a row on.</summary>
    public ulong LikelihoodsOf(int row) => Likelihoods + ((ulong)row * sizeof(float));

    /// <summary>Whether there is a token to draw, from a row on.</summary>
    public ulong ValidOf(int row) => Valid + ((ulong)row * sizeof(int));

    /// <summary>Takes the memory, if that has not been done.</summary>
    /// <exception cref="InsufficientMemoryException">The device has not that much to give.</exception>
    public void Reserve() => Logits = Logits != 0 ? Logits : context.Allocate(LogitBytes + (MostRows * (sizeof(float) + sizeof(int))));
}
