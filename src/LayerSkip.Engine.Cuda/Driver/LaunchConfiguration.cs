using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>CUlaunchConfig of cuda.h: a launch with attributes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LaunchConfiguration
{
    public uint GridX;
    public uint GridY;
    public uint GridZ;
    public uint BlockX;
    public uint BlockY;
    public uint BlockZ;
    public uint SharedBytes;
    public nint Stream;
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}
