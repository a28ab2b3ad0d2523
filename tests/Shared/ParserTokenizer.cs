using System.Text.Json.Nodes;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Tests;

/// <summary>The shipped parser's tokenizer, otherwise than it is.</summary>
internal static class ParserTokenizer
{
    /// <summary>Loads it with its <c>tokenizer.json</c> changed.</summary>
    public static Tokenizer With(Action<JsonNode> change)
    {
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser", "tokenizer.json")))!;
        change(json);
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            File.WriteAllText(Path.Combine(directory.FullName, "tokenizer.json"), json.ToJsonString());
            return Tokenizer.Load(directory.FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
