using System.Globalization;

namespace LayerSkip.Cli.Reports;

/// <summary>What <c>selftest</c> finds, in lines: one for each kernel, one for each model.</summary>
internal static class SelfTestText
{
    private const int NameWidth = 18;

    public static string Of(KernelCheckReport found)
    {
        var variants = found.Variants.Count == 0 ? "" : string.Join(' ', found.Variants) + ", ";
        var sizes = string.Join(", ", found.Sizes.Select(size => size.Least == size.Most ? $"{size.Name} {size.Most}" : $"{size.Name} {size.Least}..{size.Most}"));
        var error = found.Bound == 0 ? "exact" : string.Create(CultureInfo.InvariantCulture, $"largest error {found.Error ?? double.NaN:0.0E+0} of {found.Bound:0.0E+0}");
        return $"{Verdict(found.Passed)} {found.Kernel.PadRight(NameWidth)} {variants}{Quantity.Of(found.Shapes, "shape")}: {sizes}; {found.Failure ?? error}";
    }

    public static string Of(ModelCheckReport found)
    {
        var shape = $"{found.Layers} layers, hidden {found.HiddenSize}, heads {found.AttentionHeads}/{found.KeyValueHeads} of {found.HeadDimension}, {found.VocabularySize} tokens";
        var agreement = string.Create(
            CultureInfo.InvariantCulture,
            $"logits within {found.LogitError:0.0E+0} of {found.LogitBound:0.0E+0}, the same bits in passes of any size, tokens of every mode and exit layer");
        return $"{Verdict(found.Passed)} {"model".PadRight(NameWidth)} {found.WeightFormat}, {shape}; {found.Failure ?? agreement}";
    }

    /// <param name="speed">Null: it could not be measured.</param>
    public static string Of(MemorySpeedReport? speed) => speed is null ? "memory: too little is free to measure its speed" : string.Create(
        CultureInfo.InvariantCulture,
        $"memory: {Quantity.Count(speed.CopyBytesPerSecond)}B/s read and written by copies of {Quantity.Bytes(speed.CopyBytes)}; {Quantity.Count(speed.WeightBytesPerSecond)}B/s read as bf16 weights of {Quantity.Bytes(speed.WeightBytes)}, one row at a time");

    public static string Summary(SelfTestReport report)
    {
        var models = report.Models.Count(model => !model.Passed);
        string[] wrong = [.. report.Kernels.Where(kernel => !kernel.Passed).Select(kernel => kernel.Kernel), .. models > 0 ? [Quantity.Of(models, "model")] : Array.Empty<string>()];
        return report.Passed ? "the GPU agrees with the CPU" : $"THE GPU DOES NOT AGREE WITH THE CPU: {string.Join(", ", wrong)}";
    }

    private static string Verdict(bool passed) => passed ? "ok  " : "FAIL";
}
