using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Devices;

/// <summary>How tokens are drawn from a model's own logits: as <see cref="Distribution"/> and <see cref="ExponentialRace"/> do, each position with random numbers of its own.</summary>
/// <param name="Sampling">Temperature, top-k, top-p and min-p, valid.</param>
/// <param name="Seed">Of the random numbers; that of <paramref name="Sampling"/> is not looked at.</param>
internal sealed record TokenDraw(SamplingOptions Sampling, ulong Seed);
