using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>What the fake driver exports for tests: rig/RIG.md says what each does.</summary>
internal sealed unsafe class RigControls(nint library)
{
    private readonly delegate* unmanaged<byte*, long> _calls = (delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(library, "fakecuda_calls");
    private readonly delegate* unmanaged<byte*, long> _launches = (delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(library, "fakecuda_launches");
    private readonly delegate* unmanaged<byte*, long> _live = (delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(library, "fakecuda_live");
    private readonly delegate* unmanaged<void> _reset = (delegate* unmanaged<void>)NativeLibrary.GetExport(library, "fakecuda_reset");
    private readonly delegate* unmanaged<long, int, void> _inject = (delegate* unmanaged<long, int, void>)NativeLibrary.GetExport(library, "fakecuda_inject");
    private readonly delegate* unmanaged<int, void> _order = (delegate* unmanaged<int, void>)NativeLibrary.GetExport(library, "fakecuda_order");
    private readonly delegate* unmanaged<int, void> _devices = (delegate* unmanaged<int, void>)NativeLibrary.GetExport(library, "fakecuda_devices");
    private readonly delegate* unmanaged<int, long, void> _memory = (delegate* unmanaged<int, long, void>)NativeLibrary.GetExport(library, "fakecuda_memory");
    private readonly delegate* unmanaged<int, void> _capability = (delegate* unmanaged<int, void>)NativeLibrary.GetExport(library, "fakecuda_capability");
    private readonly delegate* unmanaged<int> _whole = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "fakecuda_whole");
    private readonly delegate* unmanaged<byte*, void> _spoil = (delegate* unmanaged<byte*, void>)NativeLibrary.GetExport(library, "fakecuda_spoil");
    private readonly delegate* unmanaged<byte*> _problem = (delegate* unmanaged<byte*>)NativeLibrary.GetExport(library, "fakecuda_problem");

    /// <summary>Calls of an entry point, or of all.</summary>
    public long Calls(string? name = null) => Count(_calls, name);

    /// <summary>Runs of a kernel, or of all.</summary>
    public long Launches(string? kernel = null) => Count(_launches, kernel);

    /// <summary>What is alive of a kind, or of all.</summary>
    public long Live(string? kind = null) => Count(_live, kind);

    /// <summary>Counters to 0, no fault.</summary>
    public void Reset() => _reset();

    /// <summary>The call-th call from now returns the code; 0: none.</summary>
    public void Inject(long call, int code) => _inject(call, code);

    /// <summary>Threads run in reversed order.</summary>
    public void Reverse(bool reversed) => _order(reversed ? 1 : 0);

    /// <summary>A kernel's results are wrong from now on; null: no kernel's.</summary>
    public void Spoil(string? kernel)
    {
        var text = Marshal.StringToCoTaskMemUTF8(kernel);
        _spoil((byte*)text);
        Marshal.FreeCoTaskMem(text);
    }

    /// <summary>The devices' compute capability, 10 major + minor; 0: what it was at first.</summary>
    public void Capability(int value) => _capability(value);

    /// <summary>How many devices there are.</summary>
    public void Devices(int count) => _devices(count);

    /// <summary>How much memory a device has; 0: what it had at first.</summary>
    public void Memory(int device, long bytes) => _memory(device, bytes);

    /// <summary>Whether nobody wrote around an allocation.</summary>
    public bool IsWhole => _whole() == 1;

    /// <summary>What the rig last objected to.</summary>
    public string Problem => Marshal.PtrToStringUTF8((nint)_problem()) ?? "";

    private static long Count(delegate* unmanaged<byte*, long> function, string? name)
    {
        var text = Marshal.StringToCoTaskMemUTF8(name);
        var count = function((byte*)text);
        Marshal.FreeCoTaskMem(text);
        return count;
    }
}
