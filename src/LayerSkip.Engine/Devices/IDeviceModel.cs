using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Devices;

/// <summary>
/// A model's weights on a device, and the steps that run over rows of it. This is the seam between decoding and hardware:
/// prefill, a decode step, a verification and a batch of many requests are all just rows.
/// </summary>
/// <remarks>
/// A row's result depends on that row and its cache alone (invariant I1). Steps of different callers are serialised on the device.
/// No step allocates managed memory once buffers have reached their size.
/// </remarks>
internal interface IDeviceModel : IDisposable
{
    /// <summary>The model's shape.</summary>
    ModelConfig Config { get; }

    /// <summary>How most of the matrices are kept: not <see cref="Devices.WeightFormat.Auto"/>.</summary>
    WeightFormat WeightFormat { get; }

    /// <summary>The device and its path, such as <c>cpu (2 threads, avx2)</c>.</summary>
    string Device { get; }

    /// <summary>Bytes the weights take on the device.</summary>
    long WeightBytes { get; }

    /// <summary>Bytes of the device's memory that weights and caches may take; null: the process's own memory.</summary>
    long? MemoryBytes => null;

    /// <summary>Weight bytes that one pass reads over the layers [from, to), with the head if <paramref name="head"/>, whatever its number of rows.</summary>
    long BytesRead(int from, int to, bool head);

    /// <summary>Bytes of all caches alive.</summary>
    long KvBytes { get; }

    /// <summary>Bytes of a cache that has room for some positions.</summary>
    long KvBytesOf(int positions);

    /// <summary>An empty cache for one sequence.</summary>
    KvCache CreateCache();

    /// <summary>A buffer of <paramref name="capacity"/> row slots.</summary>
    RowBuffer CreateRows(int capacity);

    /// <summary>What a sequence's drafts guess by, or null where that is the whole head as it is.</summary>
    /// <param name="prompt">The sequence's prompt: of a draft vocabulary its tokens are part, too.</param>
    DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt);

    /// <summary>Starts slots with the embeddings of tokens; the slots have been placed.</summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot; one for each token.</param>
    /// <param name="tokens">Ids within the vocabulary.</param>
    void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens);

    /// <summary>Runs the layers [from, to) over slots, appending to their caches. All slots stand after layer <paramref name="from"/> - 1.</summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="cancellationToken">Looked at between layers; the slots' hidden states are lost then, the caches below their lengths are not.</param>
    /// <exception cref="InvalidOperationException">A slot was not placed, or its cache has been disposed.</exception>
    void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default);

    /// <summary>
    /// Runs the layers [from, to) likewise, where nobody looks at the first slots afterwards: a prompt's tokens but the last. All keys and values are
    /// appended, but what else the last of these layers does may be left out for those slots, whose states are then lost.
    /// </summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="unread">How many of the first slots nobody looks at, up to all.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    void RunFinalLayers(RowBuffer rows, int start, int count, int from, int to, int unread, CancellationToken cancellationToken = default) =>
        RunLayers(rows, start, count, from, to, cancellationToken);

    /// <summary>Whether <see cref="RunDraftLayers"/> takes less time by these weights than by the layers' own.</summary>
    bool DraftsBy(DraftWeights weights) => false;

    /// <summary>Makes the copy that <see cref="RunDraftLayers"/> goes by, where it is not there yet, which takes a while and memory.</summary>
    /// <param name="layers">Of the first so many layers.</param>
    /// <param name="weights">Some that <see cref="DraftsBy"/> agrees to.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <returns>Whether it is there; else drafts have to go by the layers themselves, since there is no memory for it.</returns>
    bool PrepareDraftLayers(int layers, DraftWeights weights, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException($"{Device} drafts by the layers themselves");

    /// <summary>
    /// Runs the layers [from, to) over slots of a draft by a coarse copy of their weights: about what <see cref="RunLayers"/> gives. It appends to
    /// the caches, too, so that those layers must be run over the slots again before anything else reads what is there.
    /// </summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="weights">Some of which <see cref="PrepareDraftLayers"/> has said that the copy is there.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    void RunDraftLayers(RowBuffer rows, int start, int count, int from, int to, DraftWeights weights, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException($"{Device} drafts by the layers themselves");

    /// <summary>Most rows that several sequences may run in one pass, by <see cref="RunPasses"/> or <see cref="RunRounds"/>; 0: each runs its own.</summary>
    int SharedRows => 0;

    /// <summary>Most rows that several sequences may run in one pass of prompts, about which nobody asks the head.</summary>
    int SharedPromptRows => SharedRows;

    /// <summary>
    /// Runs what several sequences need as one pass, to the same results as one after the other: the weights are read once for all. A sequence joins it at its first layer.
    /// </summary>
    /// <param name="passes">
    /// Of different rows, that end at the same layer, ordered by their first: <see cref="SharedRows"/> at most, or <see cref="SharedPromptRows"/> where all are of prompts.
    /// </param>
    /// <exception cref="InvalidOperationException">A slot was not placed, or its cache has been disposed. How far the passes came is not known.</exception>
    void RunPasses(ReadOnlySpan<RowPass> passes) => throw new NotSupportedException($"{Device} shares no passes");

    /// <summary>Final norm and head over slots, then the most likely token of each (of equals the lowest id; -1 where all logits are NaN). The slots stay as they are.</summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot.</param>
    /// <param name="tokens">One result for each slot.</param>
    void ArgMax(RowBuffer rows, int start, Span<int> tokens);

    /// <summary>
    /// Final norm and head over one slot, or a draft's head: the most likely token there, as far as that tells (of equals any; -1 where all
    /// logits are NaN), and about how likely it is. The slot stays as it is.
    /// </summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="slot">The slot.</param>
    /// <param name="head">Of this model; null: the whole vocabulary, and of equals the lowest id.</param>
    TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head);

    /// <summary>Whether slots hold hidden states that <see cref="Normalize"/> can give.</summary>
    bool HasHiddenStates { get; }

    /// <summary>Final norm over slots: the hidden states as the head of an exit there sees them. The slots stay as they are.</summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="states">[count, hidden], row after row.</param>
    void Normalize(RowBuffer rows, int start, int count, Span<float> states);

    /// <summary>Final norm and head over slots. The slots stay as they are.</summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    /// <param name="logits">[count, vocabulary], row after row.</param>
    void Logits(RowBuffer rows, int start, int count, Span<float> logits);

    /// <summary>As <see cref="Logits"/> of one slot, as near as a draft needs them: a device may have a coarser head for drafts.</summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="slot">The slot.</param>
    /// <param name="logits">[vocabulary].</param>
    void DraftLogits(RowBuffer rows, int slot, Span<float> logits) => Logits(rows, slot, 1, logits);

    /// <summary>Whether <see cref="Draw"/> can be asked; else the host draws from <see cref="Logits"/>.</summary>
    bool DrawsTokens => false;

    /// <summary>
    /// Final norm and head over slots, then a token drawn for the position behind each (-1 where no token has a logit above negative infinity), and how likely
    /// it was to be. The slots stay as they are.
    /// </summary>
    /// <param name="rows">Of this model.</param>
    /// <param name="start">First slot.</param>
    /// <param name="draw">How they are drawn.</param>
    /// <param name="tokens">One result for each slot.</param>
    void Draw(RowBuffer rows, int start, TokenDraw draw, Span<TokenGuess> tokens) => throw new NotSupportedException($"{Device} draws no tokens");

    /// <summary>Whether <see cref="RunRound"/> can run rounds of a sequence as a whole; else they are run step by step, to the same result.</summary>
    /// <param name="stopIds">How many tokens stop it.</param>
    bool RunsRounds(int stopIds) => false;

    /// <summary>Runs a round of decoding as a whole.</summary>
    /// <param name="round">The round.</param>
    /// <param name="cancellationToken">Looked at before it begins.</param>
    DeviceRoundResult RunRound(in DeviceRound round, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException($"{Device} runs no rounds as a whole");

    /// <summary>Runs rounds of several sequences as one, to the same results as one after the other: the weights are read once for all.</summary>
    /// <param name="rounds">Two or more, of one <see cref="DeviceRound.Kind"/>; as many times the <see cref="DeviceRound.Slots"/> of the longest are <see cref="SharedRows"/> at most.</param>
    /// <param name="results">What came of each.</param>
    /// <exception cref="OutOfMemoryException">The device's memory is short. Nothing has run.</exception>
    void RunRounds(ReadOnlySpan<DeviceRound> rounds, Span<DeviceRoundResult> results) => throw new NotSupportedException($"{Device} shares no rounds");
}
