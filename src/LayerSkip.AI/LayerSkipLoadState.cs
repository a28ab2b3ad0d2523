namespace LayerSkip.AI;

/// <summary>How far a <see cref="LayerSkipModelLoader"/> has come.</summary>
public enum LayerSkipLoadState
{
    /// <summary>Nobody has asked for the model yet.</summary>
    NotStarted,

    /// <summary>The model is being loaded; requests wait.</summary>
    Loading,

    /// <summary>The model answers requests.</summary>
    Ready,

    /// <summary>The model could not be loaded, and every request says why. It is tried again, see <see cref="LayerSkipModelLoader"/>.</summary>
    Failed,
}
