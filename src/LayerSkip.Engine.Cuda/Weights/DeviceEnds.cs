namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>What stands before the first layer and behind the last, in device memory.</summary>
/// <param name="Embedding">[vocabulary, hidden]; the head itself where embeddings are tied.</param>
/// <param name="Head">[vocabulary, hidden]</param>
/// <param name="FinalNorm">Gain, [hidden]: shared by all exits.</param>
internal sealed record DeviceEnds(DeviceMatrix Embedding, DeviceMatrix Head, ulong FinalNorm);
