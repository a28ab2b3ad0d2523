namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>The few float operations a panel tile is made of, at one vector width.</summary>
/// <remarks>
/// Every implementation computes each lane with the same fused multiply-adds in the same order,
/// so all widths give the same bits.
/// </remarks>
internal unsafe interface ILanes<TVector>
    where TVector : struct
{
    /// <summary>float32 lanes in a vector: 4, 8 or 16.</summary>
    static abstract int Count { get; }

    static abstract TVector Load(float* source);

    static abstract void Store(TVector value, float* destination);

    static abstract TVector Broadcast(float value);

    /// <summary>a * b + c with one rounding.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>Widens <see cref="Count"/> words of two bfloat16 each: the lower halves, then the upper halves.</summary>
    static abstract void WidenBf16(uint* source, out TVector low, out TVector high);

    /// <summary>Widens words of two bfloat16 each, as <see cref="JoinBf16"/> gives them.</summary>
    static abstract void WidenBf16(TVector words, out TVector low, out TVector high);

    /// <summary>
    /// Puts bfloat16s together from their lower bytes and the codes of their upper ones: <see cref="Count"/> words of two for one input, and as many for
    /// the next. Of each 16 bytes, the first 8 are the first input's.
    /// </summary>
    /// <param name="low">4 · <see cref="Count"/> lower bytes.</param>
    /// <param name="codes">As many bytes, four bits of each the code of the upper byte.</param>
    /// <param name="shift">Where in its byte a code begins: bit 0 or 4.</param>
    /// <param name="highBytes">What the 16 codes stand for.</param>
    /// <param name="first">The first input's words.</param>
    /// <param name="second">The second one's.</param>
    static abstract void JoinBf16(byte* low, byte* codes, int shift, byte* highBytes, out TVector first, out TVector second);

    /// <summary>Puts float32s together from their halves: of each eight, the first four are the first vector's.</summary>
    /// <param name="lower">2 · <see cref="Count"/> lower halves.</param>
    /// <param name="upper">As many upper ones.</param>
    /// <param name="first">The first vector.</param>
    /// <param name="second">The second one.</param>
    static abstract void JoinF32(ushort* lower, TVector upper, out TVector first, out TVector second);
}
