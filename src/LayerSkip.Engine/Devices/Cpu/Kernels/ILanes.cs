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
}
