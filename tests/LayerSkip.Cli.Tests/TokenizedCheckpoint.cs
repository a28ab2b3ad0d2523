using LayerSkip.Engine.Checkpoints;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests;

/// <summary>A random checkpoint with the parser's tokenizer, which has 2304 tokens.</summary>
internal static class TokenizedCheckpoint
{
    public const int Tokens = 2304;

    public static ModelConfig Config { get; } = TinyCheckpoint.DefaultConfig with { VocabularySize = Tokens };

    public static TinyCheckpoint Write(ModelConfig? config = null, GenerationDefaults? generation = null, int shards = 1, bool template = true)
    {
        var checkpoint = TinyCheckpoint.Write(config ?? Config, generation: generation, shards: shards);
        File.Copy(Path.Combine(Tool.Parser, "tokenizer.json"), checkpoint.PathOf("tokenizer.json"));
        if (template)
        {
            File.Copy(Path.Combine(Tool.Parser, "tokenizer_config.json"), checkpoint.PathOf("tokenizer_config.json"));
        }

        return checkpoint;
    }
}
