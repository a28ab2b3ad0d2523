using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;

namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>The NVIDIA driver's library, initialised.</summary>
/// <remarks>It stays loaded as long as the process lives: contexts of it may.</remarks>
internal sealed unsafe class CudaDriver
{
    // Of enum CUdevice_attribute in cuda.h.
    private const int Multiprocessors = 16;
    private const int ComputeCapabilityMajor = 75;
    private const int ComputeCapabilityMinor = 76;

    private CudaDriver(DriverFunctions functions, string library, int version)
    {
        Functions = functions;
        Library = library;
        Version = version;
    }

    /// <summary>The functions, unchecked.</summary>
    public DriverFunctions Functions { get; }

    /// <summary>The library's file, as it was asked for.</summary>
    public string Library { get; }

    /// <summary>The CUDA version that the driver supports: 1000 major + 10 minor.</summary>
    public int Version { get; }

    /// <summary>The version as it is written, such as <c>12.4</c>.</summary>
    public string VersionText => FormattableString.Invariant($"{Version / 1000}.{Version % 1000 / 10}");

    /// <summary>Loads and initialises the driver.</summary>
    /// <param name="path">The library's file; null: where the system's loader finds it.</param>
    /// <param name="driver">The driver.</param>
    /// <param name="reason">Why there is none.</param>
    public static bool TryLoad(string? path, [NotNullWhen(true)] out CudaDriver? driver, [NotNullWhen(false)] out string? reason)
    {
        driver = null;
        var name = path ?? (OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1");
        if (!NativeLibrary.TryLoad(name, out var library))
        {
            reason = path is null ? $"no NVIDIA driver: the library {name} was not found" : $"the driver library '{path}' cannot be loaded";
            return false;
        }

        try
        {
            var functions = new DriverFunctions(library);
            Check("cuInit", functions.Init(0));
            int version;
            Check("cuDriverGetVersion", functions.DriverGetVersion(&version));
            driver = new CudaDriver(functions, name, version);
            reason = null;
            return true;
        }
        catch (EntryPointNotFoundException error)
        {
            NativeLibrary.Free(library);
            reason = $"the driver library {name} is no CUDA driver, or an older one than CUDA 11.4: {error.Message}";
            return false;
        }
        catch (CudaException error)
        {
            reason = error.Message;
            return false;
        }
    }

    /// <summary>Throws where a call failed.</summary>
    /// <param name="call">The function's name in cuda.h.</param>
    /// <param name="code">What it returned.</param>
    /// <exception cref="CudaException">The code is not 0.</exception>
    public static void Check(string call, int code)
    {
        if (code != CudaError.Success)
        {
            throw new CudaException(call, code);
        }
    }

    /// <summary>The devices, by ordinal.</summary>
    /// <exception cref="CudaException">The driver refuses to say.</exception>
    public IReadOnlyList<CudaDeviceInfo> Devices()
    {
        int count;
        Check("cuDeviceGetCount", Functions.DeviceGetCount(&count));
        var devices = new CudaDeviceInfo[count];
        for (var ordinal = 0; ordinal < count; ordinal++)
        {
            devices[ordinal] = Device(ordinal);
        }

        return devices;
    }

    private CudaDeviceInfo Device(int ordinal)
    {
        const int Longest = 256;
        int device;
        nuint memory;
        var name = stackalloc byte[Longest];
        Check("cuDeviceGet", Functions.DeviceGet(&device, ordinal));
        Check("cuDeviceGetName", Functions.DeviceGetName(name, Longest, device));
        Check("cuDeviceTotalMem", Functions.DeviceTotalMem(&memory, device));
        return new CudaDeviceInfo(
            ordinal,
            device,
            Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)),
            (long)memory,
            new Version(Attribute(device, ComputeCapabilityMajor), Attribute(device, ComputeCapabilityMinor)),
            Attribute(device, Multiprocessors));
    }

    private int Attribute(int device, int attribute)
    {
        int value;
        Check("cuDeviceGetAttribute", Functions.DeviceGetAttribute(&value, attribute, device));
        return value;
    }
}
