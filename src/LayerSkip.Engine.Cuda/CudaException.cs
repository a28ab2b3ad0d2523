using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>A call of the CUDA driver failed. The message names the call, the driver's error and its meaning.</summary>
public sealed class CudaException : DeviceException
{
    internal CudaException(string call, int code, string? detail = null)
        : base($"{call} failed with {CudaError.NameOf(code)} ({code}): {CudaError.MeaningOf(code)}{(detail is null ? "" : $"; {detail}")}")
    {
        Call = call;
        Code = code;
    }

    /// <summary>A step on a device that an earlier error has made useless.</summary>
    internal CudaException(CudaException cause)
        : base($"the CUDA device was lost; load the model again. {cause.Message}", cause)
    {
        Call = cause.Call;
        Code = cause.Code;
    }

    /// <summary>The driver's function, such as <c>cuMemAlloc</c>.</summary>
    public string Call { get; }

    /// <summary>The driver's return code (CUresult), not 0.</summary>
    public int Code { get; }

    /// <summary>Whether the device is of no use to this model any more: every later step of it fails too.</summary>
    public bool IsFatal => CudaError.IsFatal(Code);
}
