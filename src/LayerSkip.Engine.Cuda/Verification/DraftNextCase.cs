using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A draft goes on until a stop token, the room, a guess that is not likely enough where guesses are judged, or nothing to choose.</summary>
internal sealed class DraftNextCase : KernelCase
{
    private const int FirstPosition = 41;
    private const ulong Table = 9999;
    private const double LastBelow = 0.3;
    private readonly int _slots, _room;
    private readonly int[] _stops;
    private readonly int[] _chosen;
    private readonly float[]? _likelihoods;

    public DraftNextCase(int slots, Random random)
    {
        (_slots, _room) = (slots, random.Next(slots));
        int[] stops = [.. Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(9))];
        _stops = [stops.Length, .. stops];
        _chosen = [.. Enumerable.Range(0, slots).Select(_ => random.Next(8) == 0 ? -1 : random.Next(9))];
        _likelihoods = random.Next(2) == 0 ? null : [.. Enumerable.Range(0, slots).Select(_ => random.NextSingle())];
    }

    public override string Kernel => "draft_next";

    public override IReadOnlyList<KernelSize> Sizes => [new("slots", _slots)];

    /// <summary>Tokens, positions, page tables, keys, the room that is left.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var (tokens, positions) = (bench.Put(new int[_slots]), bench.Put([FirstPosition, .. new int[_slots - 1]]));
        var (tables, best) = (bench.Put([Table, .. new ulong[_slots - 1]]), bench.Put(Array.ConvertAll(_chosen, ChoiceKey.Of)));
        var (stops, room, lastBelow) = (bench.Put(_stops), bench.Put(_room), bench.Put(LastBelow));
        for (var slot = 0; slot < _slots - 1; slot++)
        {
            bench.Launch(Kernel, (1, 1, 1), 1, tokens, positions, tables, best, stops, room, _likelihoods is null ? 0ul : bench.Put(_likelihoods[slot]), lastBelow, slot);
        }

        return
        [
            .. bench.Get<uint>(tokens, _slots), .. bench.Get<uint>(positions, _slots), .. bench.Get<uint>(tables, 2 * _slots), .. bench.Get<uint>(best, 2 * _slots),
            .. bench.Get<uint>(room, 1),
        ];
    }

    public override Deviation Compare(uint[] result)
    {
        var (tokens, positions, room) = (new int[_slots], new int[_slots], _room);
        positions[0] = FirstPosition;
        for (var slot = 0; slot < _slots - 1; slot++)
        {
            var token = positions[slot] < 0 || slot >= room ? -1 : _chosen[slot];
            room = token >= 0 && _likelihoods?[slot] < LastBelow ? slot + 1 : room;
            tokens[slot + 1] = token;
            positions[slot + 1] = token < 0 || _stops.AsSpan(1).Contains(token) ? -1 : FirstPosition + 1 + slot;
        }

        var deviation = new Deviation(0);
        deviation.Same<int>(tokens, MemoryMarshal.Cast<uint, int>(result.AsSpan(0, _slots)), "the token of slot");
        deviation.Same<int>(positions, MemoryMarshal.Cast<uint, int>(result.AsSpan(_slots, _slots)), "the position of slot");
        var longs = MemoryMarshal.Cast<uint, ulong>(result.AsSpan(2 * _slots, 4 * _slots));
        deviation.Same<ulong>([.. Enumerable.Repeat(Table, _slots)], longs[.._slots], "the page table of slot");
        deviation.Same(new ulong[_slots - 1], longs[_slots..^1], "the key left of slot");
        deviation.Same(room, (int)result[^1], "the room left of", _room);
        return deviation;
    }
}
