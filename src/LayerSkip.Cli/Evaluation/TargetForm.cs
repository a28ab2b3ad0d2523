namespace LayerSkip.Cli.Evaluation;

/// <summary>How a parser writes its frames. Whatever it is, scores are those of the decoupled form.</summary>
internal enum TargetForm
{
    /// <summary>Slots hold their words: <c>[SL:LOCATION new york ]</c>.</summary>
    Decoupled,

    /// <summary>All of the utterance's words stand in the tree: <c>[IN:GET_WEATHER weather in [SL:LOCATION new york ] ]</c>.</summary>
    Full,

    /// <summary>Slots point at the utterance's words: <c>[SL:LOCATION 2 3 ]</c>.</summary>
    Index,
}
