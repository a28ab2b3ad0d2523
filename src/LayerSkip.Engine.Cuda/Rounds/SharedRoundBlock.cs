using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>What rounds that run together are told: one piece of memory, filled on the host and copied to the device whole, or without what only drafts and draws need.</summary>
/// <remarks>
/// Slots go step by step of the drafts: those of all sequences' last inputs, then those of their first drafted tokens, and so on. So a step's rows stand together.
/// Positions and tables of a draft's rows are written on the device, one slot behind the other, as <c>draft_next</c> does: those of a step are a window, which moves on by
/// one. What is verified has positions and tables of its own.
/// </remarks>
internal sealed unsafe class SharedRoundBlock
{
    /// <summary>Most slots of all.</summary>
    public const int Slots = SharedPass.MostRows;

    /// <summary>Bytes of the block.</summary>
    public const int Bytes = RoundsAt + (Slots * RoundBlock.Bytes);

    /// <summary>Bytes of the tokens, from the beginning of the block on, and the choices behind them.</summary>
    public const int ResultBytes = PositionsAt;

    // int [Slots], int [Slots], int [Slots], u64 [Slots], int [Slots], u64 [Slots], RoundBlock [Slots]
    private const int TokensAt = 0;
    private const int ChoicesAt = TokensAt + (Slots * sizeof(int));
    private const int PositionsAt = ChoicesAt + (Slots * sizeof(int));
    private const int TablesAt = PositionsAt + (Slots * sizeof(int));
    private const int DraftPositionsAt = TablesAt + (Slots * sizeof(ulong));
    private const int DraftTablesAt = DraftPositionsAt + (Slots * sizeof(int));
    private const int RoundsAt = DraftTablesAt + (Slots * sizeof(ulong));

    private readonly byte* _host;
    private readonly ulong _device;
    private readonly RoundBlock[] _rounds;

    /// <param name="host">Page-locked memory.</param>
    /// <param name="device">Device memory.</param>
    public SharedRoundBlock(nint host, ulong device)
    {
        _host = (byte*)host;
        _device = device;
        _rounds = new RoundBlock[Slots];
        for (var i = 0; i < Slots; i++)
        {
            var at = RoundsAt + (i * RoundBlock.Bytes);
            _rounds[i] = new RoundBlock(host + at, device + (ulong)at);
        }
    }

    public ulong Tokens => _device + TokensAt;

    /// <summary>int [slots]: what the full model chooses behind each.</summary>
    public ulong Choices => _device + ChoicesAt;

    /// <summary>Of what is verified.</summary>
    public ulong Positions => _device + PositionsAt;

    /// <summary>Of what is verified.</summary>
    public ulong Tables => _device + TablesAt;

    /// <summary>Of the drafts' rows.</summary>
    public ulong DraftPositions => _device + DraftPositionsAt;

    /// <summary>Of the drafts' rows.</summary>
    public ulong DraftTables => _device + DraftTablesAt;

    /// <summary>What each sequence's draft and draws need.</summary>
    public ReadOnlySpan<RoundBlock> Rounds => _rounds;

    /// <summary>Fills the host's side; nothing may be reading it.</summary>
    /// <param name="rounds">The rounds, for whose caches there are tables.</param>
    /// <param name="shape">What they run as.</param>
    /// <returns>What is to be copied.</returns>
    public ReadOnlySpan<byte> Fill(ReadOnlySpan<DeviceRound> rounds, RoundShape shape)
    {
        var requests = shape.Requests;
        new Span<int>(_host + PositionsAt, Slots).Fill(-1);
        new Span<int>(_host + DraftPositionsAt, Slots).Fill(-1);
        for (var i = 0; i < rounds.Length; i++)
        {
            ref readonly var round = ref rounds[i];
            var table = ((CudaKvCache)round.Cache).Table();
            ((int*)(_host + TokensAt))[i] = round.Token;
            ((int*)(_host + DraftPositionsAt))[i] = round.Position;
            ((ulong*)(_host + DraftTablesAt))[i] = table;

            // Where a draft ends earlier than it might, what is verified behind it means nothing, and is not looked at.
            for (var step = 0; step <= round.Room; step++)
            {
                ((int*)(_host + PositionsAt))[(step * requests) + i] = round.Position + step;
                ((ulong*)(_host + TablesAt))[(step * requests) + i] = table;
            }

            _rounds[i].Fill(round);
        }

        var isPlain = shape is { Length: 0, Choice: RoundChoice.Greedy };
        return new ReadOnlySpan<byte>(_host, isPlain ? RoundsAt : RoundsAt + (requests * RoundBlock.Bytes));
    }
}
