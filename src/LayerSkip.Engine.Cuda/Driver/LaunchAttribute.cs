using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>CUlaunchAttribute of cuda.h, as far as it is used here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct LaunchAttribute
{
    /// <summary>CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION: the kernel may start before the one in front of it has ended, for which it waits by itself.</summary>
    public const int StartsEarly = 6;

    [FieldOffset(0)]
    public int Id;

    [FieldOffset(8)]
    public int Value;
}
