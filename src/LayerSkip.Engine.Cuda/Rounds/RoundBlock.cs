using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>What a round is told: one piece of memory, filled on the host and copied to the device whole.</summary>
internal sealed unsafe class RoundBlock
{
    /// <summary>The last input and the longest draft.</summary>
    public const int Slots = LogitMemory.MostRows;

    /// <summary>Most stop tokens.</summary>
    public const int MaxStops = 63;

    /// <summary>Bytes of the block.</summary>
    public const int Bytes = 4096;

    // int [Slots], int [Slots], u64 [Slots], int, SamplingParameters, double, int [1 + MaxStops], int [1 + DraftHead.MaxPromptTokens]
    private const int TokensAt = 0;
    private const int PositionsAt = 512;
    private const int TablesAt = 1024;
    private const int RoomAt = 1792;
    private const int SamplingAt = 1800;
    private const int LastBelowAt = 1824;
    private const int StopsAt = 2048;
    private const int OwnAt = 2304;

    private readonly byte* _host;
    private readonly ulong _device;

    /// <param name="host">Page-locked memory.</param>
    /// <param name="device">Device memory.</param>
    public RoundBlock(nint host, ulong device)
    {
        _host = (byte*)host;
        _device = device;
        new Span<int>(_host + PositionsAt, Slots).Fill(-1);
    }

    public ulong Tokens => _device + TokensAt;

    public ulong Positions => _device + PositionsAt;

    public ulong Tables => _device + TablesAt;

    /// <summary>Most tokens of the draft; less once a guess has ended it.</summary>
    public ulong Room => _device + RoomAt;

    /// <summary><see cref="SamplingParameters"/> of a round that draws.</summary>
    public ulong Sampling => _device + SamplingAt;

    /// <summary>double: a guess less likely than that is the draft's last.</summary>
    public ulong LastBelow => _device + LastBelowAt;

    /// <summary>{count, id, ...}</summary>
    public ulong Stops => _device + StopsAt;

    /// <summary>{count, id, ...}: the prompt's tokens that the draft chooses among, too.</summary>
    public ulong Own => _device + OwnAt;

    /// <summary>Fills the host's side; nothing may be reading it.</summary>
    public ReadOnlySpan<byte> Fill(in DeviceRound round)
    {
        *(int*)(_host + TokensAt) = round.Token;
        *(int*)(_host + PositionsAt) = round.Position;
        *(ulong*)(_host + TablesAt) = ((CudaKvCache)round.Cache).Table();
        *(int*)(_host + RoomAt) = round.Room;
        *(SamplingParameters*)(_host + SamplingAt) = round.Draw is { } draw ? new(draw) : default;
        *(double*)(_host + LastBelowAt) = round.LastBelow;
        *(int*)(_host + StopsAt) = round.StopIds.Length;
        round.StopIds.CopyTo(new Span<int>(_host + StopsAt + sizeof(int), MaxStops));
        *(int*)(_host + OwnAt) = 0;
        ((CudaDraftHead?)round.Head)?.Own.CopyTo(new Span<int>(_host + OwnAt, 1 + DraftHead.MaxPromptTokens));
        return new ReadOnlySpan<byte>(_host, Bytes);
    }
}
