namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip correctness</c> found.</summary>
internal sealed record CorrectnessReport
{
    public required string Model { get; init; }

    public required MachineReport Machine { get; init; }

    /// <summary>Prompts decoded in every weight format.</summary>
    public required int Samples { get; init; }

    /// <summary>Outputs compared with autoregressive ones.</summary>
    public required int Comparisons { get; init; }

    /// <summary>Those that differed.</summary>
    public required int Mismatches { get; init; }

    /// <summary>The first that differed; null: none did.</summary>
    public MismatchReport? FirstMismatch { get; init; }

    public required int MaxTokens { get; init; }

    public required float Temperature { get; init; }

    /// <summary>Whether answers to rows with a frame were held to the frames that the utterance can have.</summary>
    public required bool Grounded { get; init; }

    public required int Seed { get; init; }

    public required IReadOnlyList<CorrectnessCellReport> Cells { get; init; }
}

/// <summary>One weight format with one controller.</summary>
/// <param name="WeightFormat">The format.</param>
/// <param name="Controller">The controller.</param>
/// <param name="Comparisons">Outputs compared.</param>
/// <param name="Mismatches">Those that differed.</param>
/// <param name="Tokens">Tokens of all outputs.</param>
/// <param name="Drafted">Tokens drafted.</param>
/// <param name="Accepted">Those that were accepted.</param>
/// <param name="Copied">Accepted tokens that were copied from the context.</param>
internal sealed record CorrectnessCellReport(
    string WeightFormat, string Controller, int Comparisons, int Mismatches, long Tokens, long Drafted, long Accepted, long Copied);

/// <summary>An output that is not what it should be.</summary>
/// <param name="Source">Where the prompt stands.</param>
/// <param name="WeightFormat">The weight format.</param>
/// <param name="Controller">The controller.</param>
/// <param name="DraftSource">Where drafts came from.</param>
/// <param name="DraftWeights">By which weights they were to run.</param>
/// <param name="ExitLayer">The exit layer asked for; null: the controller's choice.</param>
/// <param name="NumSpeculations">Most tokens drafted in a round.</param>
/// <param name="DraftThreshold">The controller's threshold, which confidence and adaptive alone go by.</param>
/// <param name="Position">The first output token that differs.</param>
/// <param name="Expected">What autoregressive decoding has from there on.</param>
/// <param name="Actual">What self-speculative decoding has from there on.</param>
internal sealed record MismatchReport(
    string Source,
    string WeightFormat,
    string Controller,
    string DraftSource,
    string DraftWeights,
    int? ExitLayer,
    int NumSpeculations,
    float DraftThreshold,
    int Position,
    IReadOnlyList<int> Expected,
    IReadOnlyList<int> Actual);
