namespace LayerSkip.Engine.Devices;

/// <summary>Matrices that stay in the checkpoint's own precision whatever <see cref="WeightFormat"/> is asked for.</summary>
[Flags]
public enum FinerWeights
{
    /// <summary>None. <see cref="WeightFormat.Int4"/> keeps embeddings and head as <see cref="WeightFormat.Int8"/> all the same.</summary>
    None = 0,

    /// <summary>The embeddings; where the head is tied to them, both.</summary>
    Embeddings = 1,

    /// <summary>The head; where it is tied to the embeddings, both.</summary>
    Head = 2,
}
