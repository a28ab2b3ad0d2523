namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>How a panel stores its 32 output columns for one input k, and how a pair of vectors is loaded from there.</summary>
/// <remarks>
/// Pair j of a panel, with W lanes, is the two column groups [jW, jW + W) and [16 + jW, 16 + jW + W):
/// so that one load of bfloat16 words yields both, at every vector width.
/// </remarks>
internal unsafe interface IPanelFormat
{
    /// <summary>Bytes of one input's 32 weights.</summary>
    static abstract int RowBytes { get; }

    /// <summary>Loads the pair that starts at <paramref name="source"/> (panel row + 4 j W bytes).</summary>
    static abstract void LoadPair<TLanes, TVector>(byte* source, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct;

    /// <summary>Writes the weight of one column (0..31) into a panel row.</summary>
    static abstract void Write(byte* row, int column, float value);

    /// <summary>Reads the weight of one column (0..31) from a panel row.</summary>
    static abstract float Read(byte* row, int column);
}
