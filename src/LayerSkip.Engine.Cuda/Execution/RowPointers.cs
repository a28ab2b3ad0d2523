namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>Where consecutive slots' rows lie in device memory.</summary>
/// <param name="Hidden">float [slots, padded hidden size]</param>
/// <param name="Angles">float [slots, head dimension]: cosines, then sines.</param>
/// <param name="Tokens">int [slots]</param>
/// <param name="Positions">int [slots]; negative: no row.</param>
/// <param name="Tables">u64 [slots]: addresses of the caches' page tables.</param>
/// <param name="Best">u64 [slots]: keys of the most likely tokens; 0 between steps.</param>
internal readonly record struct RowPointers(ulong Hidden, ulong Angles, ulong Tokens, ulong Positions, ulong Tables, ulong Best)
{
    /// <summary>Whether they are of several sequences, so that neighbours have no cache to read together.</summary>
    public bool AreApart { get; init; }

    /// <summary>The same, from a later slot on.</summary>
    public RowPointers At(int slot, Geometry geometry) => this with
    {
        Hidden = Hidden + ((ulong)slot * (ulong)geometry.Hidden * sizeof(float)),
        Angles = Angles + ((ulong)slot * (ulong)geometry.Config.HeadDimension * sizeof(float)),
        Tokens = Tokens + ((ulong)slot * sizeof(int)),
        Positions = Positions + ((ulong)slot * sizeof(int)),
        Tables = Tables + ((ulong)slot * sizeof(ulong)),
        Best = Best + ((ulong)slot * sizeof(ulong)),
    };
}
