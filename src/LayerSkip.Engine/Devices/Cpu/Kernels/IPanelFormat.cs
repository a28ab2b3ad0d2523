namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>How the weights of one input and one pair of column vectors are stored and loaded.</summary>
/// <remarks>
/// A panel holds 32 output columns. With W lanes it is 16 / W pairs, one behind the other; pair j is the two column groups
/// [jW, jW + W) and [16 + jW, 16 + jW + W) for all inputs in turn, so that a pass over a pair reads memory front to back.
/// </remarks>
internal unsafe interface IPanelFormat
{
    /// <summary>Bytes of a weight.</summary>
    static abstract int Bytes { get; }

    /// <summary>Loads one input's weights of a pair: its lower and its upper column group.</summary>
    static abstract void LoadPair<TLanes, TVector>(byte* source, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct;

    /// <summary>Stores one weight of a pair.</summary>
    /// <param name="pair">One input's weights of the pair.</param>
    /// <param name="lanes">W.</param>
    /// <param name="lane">Column within its group, 0 .. W - 1.</param>
    /// <param name="upper">Whether the group is the upper one.</param>
    /// <param name="value">The weight; rounded to what the format holds.</param>
    static abstract void Write(byte* pair, int lanes, int lane, bool upper, float value);

    /// <summary>Stores the weights of a lower column and of the upper one at the same place of its group, input after input.</summary>
    /// <param name="pair">The first input's weights of the pair.</param>
    /// <param name="lanes">W.</param>
    /// <param name="lane">Column within its group, 0 .. W - 1.</param>
    /// <param name="low">The lower column's weights; rounded to what the format holds.</param>
    /// <param name="high">The upper column's, as many.</param>
    static abstract void WriteBoth(byte* pair, int lanes, int lane, ReadOnlySpan<float> low, ReadOnlySpan<float> high);

    /// <summary>Reads one weight of a pair, widened to float32.</summary>
    /// <inheritdoc cref="Write"/>
    static abstract float Read(byte* pair, int lanes, int lane, bool upper);
}
