using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>A model's step costs as the last request that ended had measured them. Each value is immutable; a later one takes its place as a whole.</summary>
internal sealed class StepCostBook(IDeviceModel model)
{
    private const int Heads = 3;

    private readonly StepCosts?[] _latest = new StepCosts?[Heads * Enum.GetValues<DraftWeights>().Length];

    /// <summary>Costs to begin a request with.</summary>
    /// <param name="choosesBest">Whether it takes the most likely tokens, which the device finds by itself.</param>
    /// <param name="hasDraftHead">Whether its guesses are by less than the whole head.</param>
    /// <param name="weights">By which weights its drafts run.</param>
    public StepCosts Begin(bool choosesBest, bool hasDraftHead, DraftWeights weights)
    {
        var kind = ((int)weights * Heads) + (hasDraftHead ? 0 : choosesBest ? 1 : 2);
        if (Volatile.Read(ref _latest[kind]) is { } latest)
        {
            return new(latest);
        }

        var layer = Math.Max(1, (double)model.BytesRead(0, 1, head: false));
        var head = (model.BytesRead(0, 0, head: true) / layer) + 0.1;
        return new(kind, head, hasDraftHead ? (head / 4) + 0.1 : head, weights != DraftWeights.Exact);
    }

    /// <summary>A request ends, whatever ends it. Its costs change no more.</summary>
    public void Publish(StepCosts costs) => Volatile.Write(ref _latest[costs.Kind], costs);
}
