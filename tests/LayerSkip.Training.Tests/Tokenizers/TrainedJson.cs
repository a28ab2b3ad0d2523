using System.Text.Json;
using LayerSkip.Training.Tokenizers;

namespace LayerSkip.Training.Tests.Tokenizers;

/// <summary>Reads back what a trained tokenizer writes.</summary>
internal static class TrainedJson
{
    public static byte[] Bytes(TrainedTokenizer tokenizer)
    {
        using var stream = new MemoryStream();
        tokenizer.WriteJson(stream);
        return stream.ToArray();
    }

    public static JsonElement Root(TrainedTokenizer tokenizer)
    {
        using var document = JsonDocument.Parse(Bytes(tokenizer));
        return document.RootElement.Clone();
    }

    /// <summary>The merges, each two spellings with a space between.</summary>
    public static string[] Merges(TrainedTokenizer tokenizer) =>
        [.. Root(tokenizer).GetProperty("model").GetProperty("merges").EnumerateArray().Select(merge => merge.GetString()!)];

    /// <summary>GPT-2's spelling of a string of characters 0..255, each a byte.</summary>
    public static string Spell(string bytes) => string.Concat(bytes.Select(value =>
        value is (>= '!' and <= '~') or (>= '¡' and <= '¬') or (>= '®' and <= 'ÿ')
            ? value
            : (char)(256 + Enumerable.Range(0, value).Count(other => other is not ((>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255))))));
}
