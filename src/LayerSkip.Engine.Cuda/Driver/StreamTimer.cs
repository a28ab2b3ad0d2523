namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>Times work by the device's own clock.</summary>
internal static unsafe class StreamTimer
{
    /// <summary>Seconds that a device spends on what <paramref name="work"/> asks of its stream.</summary>
    public static double Time(CudaContext context, Action work)
    {
        var functions = context.Functions;
        nint begin = 0, end = 0;
        try
        {
            context.Check("cuEventCreate", functions.EventCreate(&begin, 0));
            context.Check("cuEventCreate", functions.EventCreate(&end, 0));
            context.Check("cuEventRecord", functions.EventRecord(begin, context.Stream));
            work();
            context.Check("cuEventRecord", functions.EventRecord(end, context.Stream));
            context.Check("cuEventSynchronize", functions.EventSynchronize(end));
            float milliseconds;
            context.Check("cuEventElapsedTime", functions.EventElapsedTime(&milliseconds, begin, end));
            return milliseconds / 1000.0;
        }
        finally
        {
            foreach (var created in (ReadOnlySpan<nint>)[begin, end])
            {
                if (created != 0)
                {
                    functions.EventDestroy(created);
                }
            }
        }
    }
}
