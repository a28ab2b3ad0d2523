using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using LayerSkip.Cli.Training.Metrics;

namespace LayerSkip.Cli.Reports;

/// <summary>Writes reports as JSON: one object on one line, names in snake_case.</summary>
[JsonSerializable(typeof(GenerateReport))]
[JsonSerializable(typeof(TokenizeReport))]
[JsonSerializable(typeof(InspectReport))]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(SweepReport))]
[JsonSerializable(typeof(CorrectnessReport))]
[JsonSerializable(typeof(ExportReport))]
[JsonSerializable(typeof(LabelReport))]
[JsonSerializable(typeof(TuneReport))]
[JsonSerializable(typeof(TrainTokenizerReport))]
[JsonSerializable(typeof(EvalReport))]
[JsonSerializable(typeof(DevicesReport))]
[JsonSerializable(typeof(SelfTestReport))]
[JsonSerializable(typeof(RunLine))]
[JsonSerializable(typeof(StepLine))]
[JsonSerializable(typeof(EvaluationLine))]
internal sealed partial class ReportJson : JsonSerializerContext
{
    /// <summary>The writer of each kind of report.</summary>
    public static ReportJson Instance { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,

        // What is read back comes from a file that anyone may have edited.
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,

        // For a terminal, not for HTML: other languages' letters stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static void Write<T>(TextWriter output, T report, JsonTypeInfo<T> type) => output.WriteLine(JsonSerializer.Serialize(report, type));
}
