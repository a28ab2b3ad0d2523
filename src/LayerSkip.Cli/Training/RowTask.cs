namespace LayerSkip.Cli.Training;

/// <summary>What TOPv2's rows teach.</summary>
internal enum RowTask
{
    /// <summary>To answer an utterance with its parse.</summary>
    Parse,

    /// <summary>To answer a domain's name with an utterance: a model of what people say there.</summary>
    Utterance,
}
