using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices;

/// <summary>A kind of device beside the CPU, onto which models can be loaded: see <see cref="ModelOptions.DeviceProviders"/>. Safe for concurrent use.</summary>
public abstract class DeviceProvider
{
    private protected DeviceProvider(string kind) => Kind = kind;

    /// <summary>What <see cref="ModelOptions.Device"/> calls the kind, such as <c>cuda</c>; <c>cuda:1</c> is the second such device.</summary>
    public string Kind { get; }

    /// <summary>Looks for devices. Never throws: what stands in the way is <see cref="DeviceSurvey.Reason"/>.</summary>
    public abstract DeviceSurvey Survey();

    /// <summary>Loads a model's weights.</summary>
    /// <param name="ordinal">Which device; null: the first that has room for the model, or several.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="weights">Its weights; not needed afterwards.</param>
    /// <param name="format">How to keep the matrices.</param>
    /// <param name="finer">Matrices to keep in the checkpoint's own precision all the same.</param>
    /// <param name="draftVocabulary">Tokens that drafts choose among, beside the prompt's; empty: all.</param>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="DeviceException">There is no such device, or it cannot run the model.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into its memory.</exception>
    internal abstract IDeviceModel Load(
        int? ordinal,
        ModelConfig config,
        WeightSource weights,
        WeightFormat format,
        FinerWeights finer,
        IReadOnlyList<int> draftVocabulary,
        IProgress<double>? progress,
        CancellationToken cancellationToken);
}
