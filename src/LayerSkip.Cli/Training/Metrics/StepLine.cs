using System.Text.Json.Serialization;

namespace LayerSkip.Cli.Training.Metrics;

/// <summary>Some steps' means. Exits are named by the layers that decide: the last is full depth.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Epoch">Passes over the data, as a fraction.</param>
/// <param name="Steps">Steps that the means are taken over.</param>
/// <param name="Tokens">Their tokens, each sequence's last one aside.</param>
/// <param name="Seconds">How long they took.</param>
/// <param name="Loss">Loss of the deepest exit that had one, in nats: full depth's, unless the model is growing yet.</param>
/// <param name="Objective">The loss that was descended: the exits' by their weights.</param>
/// <param name="ExitLosses">The losses of those exits that had one.</param>
/// <param name="ExitWeights">What each exit counted for; an exit left out in a step counts 0 there.</param>
/// <param name="LearningRate">Of the last of the steps.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="MaxDropoutNow">How likely the deepest layer that runs was dropped in the last of the steps.</param>
/// <param name="LayerTokensShare">Share of tokens times layers that was computed: 1 less what dropout saved.</param>
/// <param name="FlopsPerSecond">Floating-point operations of the matrix products a second.</param>
/// <param name="Bytes">What the trainer holds.</param>
/// <param name="FmaFlopsPerSecond">What the machine does, the best measured since the start; null in files of earlier versions.</param>
internal sealed record StepLine(
    long Step,
    double Epoch,
    int Steps,
    long Tokens,
    double Seconds,
    double Loss,
    double Objective,
    IReadOnlyDictionary<string, double> ExitLosses,
    IReadOnlyDictionary<string, double> ExitWeights,
    double LearningRate,
    double GradientNorm,
    double MaxDropoutNow,
    double LayerTokensShare,
    double FlopsPerSecond,
    long Bytes,
    double? FmaFlopsPerSecond = null)
{
    [JsonPropertyOrder(-1)]
    public string Type { get; init; } = "step";
}
