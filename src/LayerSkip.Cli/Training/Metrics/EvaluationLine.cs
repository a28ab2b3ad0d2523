using System.Text.Json.Serialization;

namespace LayerSkip.Cli.Training.Metrics;

/// <summary>An evaluation. Exits are named by the layers that decide: the last is full depth.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Epoch">Passes over the data, as a fraction.</param>
/// <param name="Rows">Rows evaluated.</param>
/// <param name="ExactMatch">Share of exact answers; every domain weighs the same.</param>
/// <param name="Losses">Mean loss of every exit, in nats.</param>
internal sealed record EvaluationLine(
    long Step, double Epoch, int Rows, IReadOnlyDictionary<string, double> ExactMatch, IReadOnlyDictionary<string, double> Losses)
{
    [JsonPropertyOrder(-1)]
    public string Type { get; init; } = "evaluation";
}
