using System.Text.Json.Nodes;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Tokenizers.Tests;

/// <summary>Tokenizers of several kinds.</summary>
internal static class TestTokenizers
{
    /// <summary>Byte-level BPE, which reads texts as they are.</summary>
    public static Tokenizer Parser { get; } = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));

    /// <summary>Byte-level BPE, some of whose tokens end a character and begin another.</summary>
    public static Tokenizer Gpt2 => Tokenizer.Load(SharedData.Require("tokenizers/gpt2"));

    /// <summary>SentencePiece-style BPE, which puts a space before every text.</summary>
    public static Tokenizer Llama2 => Tokenizer.Load(SharedData.Require("tokenizers/llama2"));

    /// <summary>The parser's, but in lower case.</summary>
    public static Tokenizer Lowercasing() => ParserTokenizer.With(static json => json["normalizer"] = new JsonObject { ["type"] = "Lowercase" });
}
