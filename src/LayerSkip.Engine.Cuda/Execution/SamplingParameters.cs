using System.Runtime.InteropServices;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>What a request asks of its draws, as <c>sampling.cu</c> reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct SamplingParameters
{
    private readonly ulong _seed;
    private readonly float _inverseTemperature;
    private readonly int _topK;
    private readonly float _topP;
    private readonly float _minP;

    public SamplingParameters(TokenDraw draw)
    {
        var inverse = 1 / draw.Sampling.Temperature;
        _seed = draw.Seed;
        _inverseTemperature = float.IsInfinity(inverse) ? 0 : inverse; // 0: greedy
        _topK = draw.Sampling.TopK;
        _topP = draw.Sampling.TopP;
        _minP = draw.Sampling.MinP;
    }
}
