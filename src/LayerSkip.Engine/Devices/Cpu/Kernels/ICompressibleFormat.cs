namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>A format that <see cref="CompressedPanel"/> compresses: the upper half of a weight is a bfloat16, and what it has beside that, its tail, stays as it is.</summary>
internal unsafe interface ICompressibleFormat : IPanelFormat
{
    /// <summary>Takes some inputs' weights of a pair apart.</summary>
    /// <param name="pair">The first input's weights of the pair.</param>
    /// <param name="lanes">W.</param>
    /// <param name="inputs">How many inputs.</param>
    /// <param name="room">Room for the bfloat16s.</param>
    /// <param name="tails">Room for the tails, where weights have such.</param>
    /// <returns>The bfloat16s, in the order of the tails: in the room, or where they have been.</returns>
    static abstract ushort* Split(byte* pair, int lanes, int inputs, ushort* room, ushort* tails);

    /// <summary>Where among an input's bfloat16s and tails a column's are.</summary>
    /// <param name="lane">Column within its group, 0 .. W - 1.</param>
    /// <param name="upper">Whether the group is the upper one.</param>
    static abstract int Place(int lane, bool upper);

    /// <summary>Puts one input's weights of a pair together: its lower and its upper column group.</summary>
    /// <param name="bfloats">The bfloat16s.</param>
    /// <param name="tails">The tails, where weights have such.</param>
    /// <param name="low">The lower group's weights.</param>
    /// <param name="high">The upper one's.</param>
    static abstract void Join<TLanes, TVector>(TVector bfloats, ushort* tails, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct;
}
