namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip inspect --json</c> prints.</summary>
/// <param name="Model">The checkpoint folder's name.</param>
/// <param name="Path">Its full path: a directory, or a GGUF file.</param>
/// <param name="Architecture">model_type, such as llama.</param>
/// <param name="Config">config.json as it was understood.</param>
/// <param name="Parameters">Weights of the model; a tied head counts once.</param>
/// <param name="Tensors">What the weight files hold.</param>
/// <param name="Memory">Bytes needed to run.</param>
/// <param name="Tokenizer">The tokenizer; null where the directory has none, or none that can be read.</param>
/// <param name="TokenizerError">Why it cannot be read; null where it can, or there is none.</param>
/// <param name="ChatTemplate">The chat template; null where the directory has none, or none that can be read.</param>
/// <param name="ChatTemplateError">Why it cannot be read; null where it can, or there is none.</param>
/// <param name="Layerskip">The exit layer and speculation length that the checkpoint declares; null where it declares none.</param>
/// <param name="Generation">What the checkpoint says about generation.</param>
internal sealed record InspectReport(
    string Model,
    string Path,
    string Architecture,
    ConfigReport Config,
    long Parameters,
    TensorsReport Tensors,
    MemoryReport Memory,
    TokenizerReport? Tokenizer,
    string? TokenizerError,
    ChatTemplateReport? ChatTemplate,
    string? ChatTemplateError,
    LayerSkipReport? Layerskip,
    GenerationReport Generation);
