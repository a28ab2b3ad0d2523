using LayerSkip.Engine.Cuda.Verification;

namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip selftest</c> found.</summary>
/// <param name="Device">The GPU's name.</param>
/// <param name="ComputeCapability">Of the GPU.</param>
/// <param name="Driver">What drives it.</param>
/// <param name="Rounds">Random shapes of each kernel, format and head size; models.</param>
/// <param name="Passed">Whether everything agreed.</param>
/// <param name="Kernels">One for each kernel.</param>
/// <param name="Models">One for each model.</param>
/// <param name="Memory">How fast the memory is; null: not measured, since something did not agree or too little is free.</param>
internal sealed record SelfTestReport(
    string Device,
    string ComputeCapability,
    string Driver,
    int Rounds,
    bool Passed,
    IReadOnlyList<KernelCheckReport> Kernels,
    IReadOnlyList<ModelCheckReport> Models,
    MemorySpeedReport? Memory);

/// <summary>What a kernel's random cases found.</summary>
/// <param name="Kernel">Its name, without format or head size.</param>
/// <param name="Variants">The formats or head sizes that ran; none where there is but one.</param>
/// <param name="Shapes">Cases.</param>
/// <param name="Sizes">The arguments' sizes.</param>
/// <param name="Error">The largest error; null: some result was no number.</param>
/// <param name="Bound">The largest error allowed; 0: all results had to be exact.</param>
/// <param name="Passed">Whether all results were right.</param>
/// <param name="Failure">The first that was wrong, in words; null: none was.</param>
internal sealed record KernelCheckReport(
    string Kernel, IReadOnlyList<string> Variants, int Shapes, IReadOnlyList<SizeRangeReport> Sizes, double? Error, double Bound, bool Passed, string? Failure)
{
    public static KernelCheckReport Of(KernelFinding found) => new(
        found.Kernel,
        found.Variants,
        found.Shapes,
        [.. found.Sizes.Select(size => new SizeRangeReport(size.Name, size.Least, size.Most))],
        double.IsFinite(found.Error) ? found.Error : null,
        found.Bound,
        found.Failure is null,
        found.Failure);
}

/// <summary>The sizes of a kernel's arguments that were tried.</summary>
/// <param name="Name">What they count.</param>
/// <param name="Least">The smallest.</param>
/// <param name="Most">The largest.</param>
internal sealed record SizeRangeReport(string Name, int Least, int Most);

/// <summary>What comparing a random model with the CPU found.</summary>
/// <param name="WeightFormat">Its weights' format.</param>
/// <param name="Layers">Its layers.</param>
/// <param name="HiddenSize">Elements of a hidden state.</param>
/// <param name="AttentionHeads">Query heads.</param>
/// <param name="KeyValueHeads">Key/value heads.</param>
/// <param name="HeadDimension">Elements of a head.</param>
/// <param name="VocabularySize">Tokens.</param>
/// <param name="LogitError">The largest difference of two logits, of the largest logit; null: none were computed.</param>
/// <param name="LogitBound">The largest allowed.</param>
/// <param name="Passed">Whether everything agreed.</param>
/// <param name="Failure">What did not, in words; null: everything did.</param>
internal sealed record ModelCheckReport(
    string WeightFormat,
    int Layers,
    int HiddenSize,
    int AttentionHeads,
    int KeyValueHeads,
    int HeadDimension,
    int VocabularySize,
    double? LogitError,
    double LogitBound,
    bool Passed,
    string? Failure)
{
    public static ModelCheckReport Of(ModelFinding found) => new(
        found.Format.ToString().ToLowerInvariant(),
        found.Config.Layers,
        found.Config.HiddenSize,
        found.Config.AttentionHeads,
        found.Config.KeyValueHeads,
        found.Config.HeadDimension,
        found.Config.VocabularySize,
        double.IsFinite(found.LogitError) ? found.LogitError : null,
        found.LogitBound,
        found.Failure is null,
        found.Failure);
}

/// <summary>How fast a GPU's memory is.</summary>
/// <param name="CopyBytes">Bytes copied at once.</param>
/// <param name="CopyBytesPerSecond">Copying within the GPU, bytes read and bytes written together.</param>
/// <param name="WeightBytes">Bytes of a bfloat16 matrix.</param>
/// <param name="WeightBytesPerSecond">Reading it in the product with one row, as a decode step does.</param>
internal sealed record MemorySpeedReport(long CopyBytes, double CopyBytesPerSecond, long WeightBytes, double WeightBytesPerSecond)
{
    public static MemorySpeedReport Of(MemorySpeed speed) => new(speed.CopyBytes, speed.CopyBytesPerSecond, speed.WeightBytes, speed.WeightBytesPerSecond);
}
