namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>The driver's return codes: the name of each in cuda.h, and what it means to whoever reads it.</summary>
internal static class CudaError
{
    public const int Success = 0;
    public const int InvalidValue = 1;
    public const int OutOfMemory = 2;
    public const int NotFound = 500;

    /// <summary>The constant's name in cuda.h, such as <c>CUDA_ERROR_NO_DEVICE</c>.</summary>
    public static string NameOf(int code) => Describe(code).Name;

    /// <summary>What the code means, in a few words.</summary>
    public static string MeaningOf(int code) => Describe(code).Meaning;

    /// <summary>Whether the context is of no use any more: every later call in it returns an error too.</summary>
    public static bool IsFatal(int code) => code is 4 or 46 or 101 or 201 or 214 or 220 or 226 or (>= 700 and not 701 and not 704 and not 705 and < 720) or 999;

    private static (string Name, string Meaning) Describe(int code) => code switch
    {
        0 => ("CUDA_SUCCESS", "no error"),
        1 => ("CUDA_ERROR_INVALID_VALUE", "an argument is outside its range"),
        2 => ("CUDA_ERROR_OUT_OF_MEMORY", "the device has not enough free memory"),
        3 => ("CUDA_ERROR_NOT_INITIALIZED", "the driver has not been initialised"),
        4 => ("CUDA_ERROR_DEINITIALIZED", "the driver is shutting down"),
        34 => ("CUDA_ERROR_STUB_LIBRARY", "the library found is a stub of the toolkit, not the driver"),
        46 => ("CUDA_ERROR_DEVICE_UNAVAILABLE", "another process uses the device exclusively"),
        100 => ("CUDA_ERROR_NO_DEVICE", "the driver finds no CUDA device"),
        101 => ("CUDA_ERROR_INVALID_DEVICE", "there is no device of that ordinal"),
        200 => ("CUDA_ERROR_INVALID_IMAGE", "the kernels' PTX is not valid"),
        201 => ("CUDA_ERROR_INVALID_CONTEXT", "the context is not valid or has been destroyed"),
        209 => ("CUDA_ERROR_NO_BINARY_FOR_GPU", "the kernels cannot be compiled for this device"),
        214 => ("CUDA_ERROR_ECC_UNCORRECTABLE", "the device's memory has an uncorrectable error"),
        218 => ("CUDA_ERROR_INVALID_PTX", "the driver cannot compile the kernels' PTX"),
        220 => ("CUDA_ERROR_NVLINK_UNCORRECTABLE", "a link between devices has an uncorrectable error"),
        221 => ("CUDA_ERROR_JIT_COMPILER_NOT_FOUND", "the driver's PTX compiler is not installed"),
        222 => ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the driver is too old for the kernels' PTX"),
        223 => ("CUDA_ERROR_JIT_COMPILATION_DISABLED", "compilation of PTX is switched off"),
        226 => ("CUDA_ERROR_CONTAINED", "the device met a memory error that it could contain"),
        304 => ("CUDA_ERROR_OPERATING_SYSTEM", "a call to the operating system failed"),
        400 => ("CUDA_ERROR_INVALID_HANDLE", "a handle is not valid or has been destroyed"),
        401 => ("CUDA_ERROR_ILLEGAL_STATE", "a resource is not in the state that the call needs"),
        500 => ("CUDA_ERROR_NOT_FOUND", "there is nothing of that name"),
        600 => ("CUDA_ERROR_NOT_READY", "earlier work has not finished"),
        700 => ("CUDA_ERROR_ILLEGAL_ADDRESS", "a kernel read or wrote outside its memory"),
        701 => ("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "a launch asks for more registers or threads than the device has"),
        702 => ("CUDA_ERROR_LAUNCH_TIMEOUT", "a kernel ran too long, and was stopped"),
        704 => ("CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "access between the two devices is open already"),
        705 => ("CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "access between the two devices is not open"),
        709 => ("CUDA_ERROR_CONTEXT_IS_DESTROYED", "the context has been destroyed"),
        710 => ("CUDA_ERROR_ASSERT", "a kernel's assertion failed"),
        714 => ("CUDA_ERROR_HARDWARE_STACK_ERROR", "a kernel's stack is corrupt"),
        715 => ("CUDA_ERROR_ILLEGAL_INSTRUCTION", "a kernel met an illegal instruction"),
        716 => ("CUDA_ERROR_MISALIGNED_ADDRESS", "a kernel used an address that is not aligned"),
        717 => ("CUDA_ERROR_INVALID_ADDRESS_SPACE", "a kernel used an address of the wrong kind"),
        718 => ("CUDA_ERROR_INVALID_PC", "a kernel jumped to an invalid address"),
        719 => ("CUDA_ERROR_LAUNCH_FAILED", "a kernel failed while it ran"),
        720 => ("CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", "a cooperative launch has too many blocks"),
        800 => ("CUDA_ERROR_NOT_PERMITTED", "the call is not permitted now"),
        801 => ("CUDA_ERROR_NOT_SUPPORTED", "the device or driver does not support the call"),
        802 => ("CUDA_ERROR_SYSTEM_NOT_READY", "the system's fabric or driver services are not running"),
        803 => ("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "the kernel driver and the driver library are of different versions"),
        804 => ("CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility is not supported on this device"),
        900 => ("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "the call cannot be captured into a graph"),
        901 => ("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "an earlier error ended the capture of a graph"),
        908 => ("CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "another thread began the capture of the graph"),
        999 => ("CUDA_ERROR_UNKNOWN", "the driver met an unknown error"),
        _ => ($"CUDA error {code}", "see the driver's own list of errors"),
    };
}
