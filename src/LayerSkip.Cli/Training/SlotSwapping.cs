namespace LayerSkip.Cli.Training;

/// <summary>How copies of TOPv2's rows get other values in their slots.</summary>
/// <param name="Share">How likely each slot gets another value, above 0, at most 1.</param>
/// <param name="Copies">Copies of each row, at least 1; those in which no slot got another value are left out.</param>
internal sealed record SlotSwapping(double Share, int Copies);
