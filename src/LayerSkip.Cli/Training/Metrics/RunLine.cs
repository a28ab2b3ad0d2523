using System.Text.Json.Serialization;

namespace LayerSkip.Cli.Training.Metrics;

/// <summary>A start of the run: at step 0, or where it was resumed. What the machine does is measured anew at checkpoints: the steps have the best.</summary>
internal sealed record RunLine(
    string Model,
    string Start,
    long Parameters,
    int Layers,
    long Step,
    long Steps,
    double Epochs,
    int SequencesPerEpoch,
    int TokensPerStep,
    ulong Seed,
    double MaxDropout,
    string DropoutSchedule,
    string Curriculum,
    double LearningRate,
    double LabelSmoothing,
    double ActivationDropout,
    int? ExitLayer,
    int Threads,
    double FmaFlopsPerSecond,
    string Machine,
    DateTimeOffset Time)
{
    [JsonPropertyOrder(-1)]
    public string Type { get; init; } = "run";
}
