namespace LayerSkip.Engine.Devices;

/// <summary>How long a pass took that several sequences shared.</summary>
/// <param name="Ticks">Its time.</param>
/// <param name="Sequences">How many they were.</param>
/// <param name="Rows">Rows of all; 0 where some joined it later, so that nobody can tell what a layer of so many took.</param>
/// <param name="Heads">How many of them asked the head.</param>
internal readonly record struct SharedPassTime(long Ticks, int Sequences, int Rows, int Heads);
