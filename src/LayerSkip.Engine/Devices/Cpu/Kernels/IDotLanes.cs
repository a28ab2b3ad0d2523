using System.Diagnostics.CodeAnalysis;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>The few integer operations a block tile is made of, at one vector width.</summary>
/// <remarks>Everything here is exact, so all implementations give the same bits.</remarks>
/// <typeparam name="TInt">As many 32-bit integers as <typeparamref name="TFloat"/> has float32 lanes.</typeparam>
/// <typeparam name="TFloat">The vector of the float operations.</typeparam>
internal unsafe interface IDotLanes<TInt, TFloat>
    where TInt : struct
    where TFloat : struct
{
    static abstract TInt Load(byte* source);

    static abstract TInt Broadcast(int value);

    static abstract TInt ShiftLeft(TInt value, [ConstantExpected] byte bits);

    /// <summary>The lower four bits of every byte.</summary>
    static abstract TInt LowNibbles(TInt bytes);

    /// <summary>The upper four bits of every byte.</summary>
    static abstract TInt HighNibbles(TInt bytes);

    /// <summary>
    /// Adds to each lane the products of its four unsigned bytes of <paramref name="weights"/> with the four signed bytes of
    /// <paramref name="activations"/>, without saturating.
    /// </summary>
    static abstract TInt Dot(TInt sum, TInt weights, TInt activations);

    static abstract TFloat ToFloat(TInt sum);

    /// <summary>The start of a block's sum over weights of 0..15, in whatever form <see cref="DotNibbles"/> adds to and <see cref="NibblesToFloat"/> reads.</summary>
    /// <param name="value">Eight times the negated sum of a block's activations: with it the sum fits 16 bits, although steps on the way may not.</param>
    static abstract TInt StartNibbles(TInt value);

    /// <summary><see cref="Dot"/> for weights of 0..15, whose products need fewer bits; up to 32 of them to a lane.</summary>
    static abstract TInt DotNibbles(TInt sum, TInt weights, TInt activations);

    static abstract TFloat NibblesToFloat(TInt sum);

    static abstract TFloat Multiply(TFloat a, TFloat b);
}
