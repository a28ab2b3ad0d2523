using System.Text.Encodings.Web;
using System.Text.Json;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Training.Tokenizers;

/// <summary>Writes <c>tokenizer.json</c> as Hugging Face's tokenizers have it.</summary>
internal static class TokenizerJsonWriter
{
    /// <summary>Indented, lines ended by LF, other languages' letters as they are.</summary>
    public static JsonWriterOptions Format { get; } = new()
    {
        Indented = true,
        IndentSize = 1,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="stream">Stays open.</param>
    /// <param name="spellings">Tokens of the BPE model by id.</param>
    /// <param name="merges">The ids that each merge joins, in order.</param>
    /// <param name="addedTokens">Added tokens, ids ascending.</param>
    public static void Write(
        Stream stream, IReadOnlyList<string> spellings, IReadOnlyList<(int Left, int Right)> merges, IReadOnlyList<AddedToken> addedTokens)
    {
        using var json = new Utf8JsonWriter(stream, Format);
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (var token in addedTokens)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            WriteAddedToken(json, token);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNull("normalizer");
        WriteByteLevel(json, "pre_tokenizer");
        json.WriteNull("post_processor");
        WriteByteLevel(json, "decoder");
        WriteModel(json, spellings, merges);
        json.WriteEndObject();
    }

    /// <summary>The fields that <c>tokenizer.json</c> and <c>tokenizer_config.json</c> share.</summary>
    public static void WriteAddedToken(Utf8JsonWriter json, AddedToken token)
    {
        json.WriteString("content", token.Content);
        json.WriteBoolean("single_word", token.IsSingleWord);
        json.WriteBoolean("lstrip", token.StripLeft);
        json.WriteBoolean("rstrip", token.StripRight);
        json.WriteBoolean("normalized", token.IsNormalized);
        json.WriteBoolean("special", token.IsSpecial);
    }

    private static void WriteByteLevel(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject(name);
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", true);
        json.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter json, IReadOnlyList<string> spellings, IReadOnlyList<(int Left, int Right)> merges)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", false);
        json.WriteStartObject("vocab");
        foreach (var (id, spelling) in spellings.Index())
        {
            json.WriteNumber(spelling, id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in merges)
        {
            json.WriteStringValue($"{spellings[left]} {spellings[right]}"); // no spelling holds a space
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
