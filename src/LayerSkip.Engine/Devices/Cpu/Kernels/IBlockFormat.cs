namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>How the integers of one block and one pair of column vectors are stored and loaded.</summary>
/// <remarks>
/// Blocks of 32 inputs, as in <see cref="BlockKernel{TDot, TInt, TLanes, TFloat, TBlocks}"/>. Integers are stored unsigned, <see cref="Offset"/> added.
/// Within a block, four inputs make a group: a group's vector has the group's four weights of a column in each 32-bit lane.
/// Two groups make a step, which is stored together.
/// </remarks>
internal unsafe interface IBlockFormat
{
    /// <summary>What is added to a weight's integer to make it unsigned.</summary>
    static abstract int Offset { get; }

    /// <summary>The start of a block's sum of products: <see cref="Offset"/> times a number.</summary>
    /// <param name="sum">The negated sum of the block's activations: what the offsets will add is taken away beforehand.</param>
    static abstract TInt Start<TDot, TInt, TFloat>(TInt sum)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct;

    /// <summary>Adds the products of a group's weights and activations.</summary>
    static abstract TInt Dot<TDot, TInt, TFloat>(TInt sum, TInt weights, TInt activations)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct;

    /// <summary>A block's sum of products, when all are added.</summary>
    static abstract TFloat ToFloat<TDot, TInt, TFloat>(TInt sum)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct;

    /// <summary>Bytes of a step's weights in one 32-bit lane.</summary>
    static abstract int StepBytes { get; }

    /// <summary>Loads the vector of the first group of a step.</summary>
    /// <param name="step">The step's weights of a pair: those of the lower column group, then those of the upper one.</param>
    /// <param name="bytes">Bytes of a vector.</param>
    /// <param name="low">The lower column group's.</param>
    /// <param name="high">The upper column group's.</param>
    static abstract void LoadFirst<TDot, TInt, TFloat>(byte* step, int bytes, out TInt low, out TInt high)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct;

    /// <summary>Loads the vector of the second group of a step.</summary>
    /// <inheritdoc cref="LoadFirst"/>
    static abstract void LoadSecond<TDot, TInt, TFloat>(byte* step, int bytes, out TInt low, out TInt high)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct;

    /// <summary>Stores a step's integers of one column, not yet offset: four of the first group, four of the second, a byte each.</summary>
    /// <param name="step">The step's weights of a pair.</param>
    /// <param name="lanes">Lanes of a vector.</param>
    /// <param name="lane">Column within the pair, 0 .. 2 · <paramref name="lanes"/> - 1.</param>
    /// <param name="first">The first group's, from the lowest byte on.</param>
    /// <param name="second">The second group's.</param>
    static abstract void Write(byte* step, int lanes, int lane, uint first, uint second);

    /// <summary>Reads one integer of a step.</summary>
    /// <param name="step">The step's weights of a pair.</param>
    /// <param name="lanes">Lanes of a vector.</param>
    /// <param name="lane">Column within the pair, 0 .. 2 · <paramref name="lanes"/> - 1.</param>
    /// <param name="input">Input within the step, 0..7.</param>
    static abstract int Read(byte* step, int lanes, int lane, int input);
}
