using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;

namespace LayerSkip.Engine.Tests.Checkpoints.Gguf;

/// <summary>GGUF files of small random models, with a byte-level tokenizer of as many tokens.</summary>
internal static class TinyGguf
{
    /// <summary>Two layers, small enough that most bytes are header.</summary>
    public static ModelConfig Config { get; } = new()
    {
        VocabularySize = 300,
        HiddenSize = 32,
        IntermediateSize = 32,
        Layers = 2,
        AttentionHeads = 4,
        KeyValueHeads = 2,
        HeadDimension = 8,
        MaxPositions = 64,
        TiedEmbeddings = true,
    };

    public static void Write(string path, ModelConfig config, GgufTensorType type = GgufTensorType.F32, GenerationDefaults? generation = null)
    {
        using var weights = new RandomWeightSource(config, seed: 3, TensorDataType.F32);
        GgufExport.Write(path, "tiny", config, generation ?? new GenerationDefaults(), weights, type, writer => AddTokenizer(writer, config.VocabularySize));
    }

    public static byte[] Bytes(ModelConfig? config = null, GgufTensorType type = GgufTensorType.F32, GenerationDefaults? generation = null)
    {
        using var file = new TemporaryFile();
        Write(file.Path, config ?? Config, type, generation);
        return File.ReadAllBytes(file.Path);
    }

    /// <summary>The error of opening a file with these bytes.</summary>
    public static string Refusal(byte[] bytes)
    {
        using var file = new TemporaryFile(bytes);
        return Assert.Throws<CheckpointException>(() => Checkpoint.Open(file.Path).Dispose()).Message;
    }

    /// <summary>The bytes with the first occurrence of a text replaced by one as long.</summary>
    public static byte[] Replace(byte[] bytes, string before, string after)
    {
        Assert.Equal(before.Length, after.Length);
        var changed = bytes.ToArray();
        var at = changed.AsSpan().IndexOf(Encoding.Latin1.GetBytes(before));
        Assert.True(at >= 0, $"there is no {before}");
        Encoding.Latin1.GetBytes(after).CopyTo(changed, at);
        return changed;
    }

    /// <summary>The bytes with those changed that follow a key's name: its type, then its value.</summary>
    public static byte[] SetValue(byte[] bytes, string key, params byte[] typeAndValue)
    {
        var changed = bytes.ToArray();
        var name = Encoding.UTF8.GetBytes(key);
        byte[] stored = [.. BitConverter.GetBytes((ulong)name.Length), .. name];
        var at = changed.AsSpan().IndexOf(stored);
        Assert.True(at >= 0, $"there is no {key}");
        typeAndValue.CopyTo(changed, at + stored.Length);
        return changed;
    }

    public static void AddTokenizer(GgufWriter writer, int size)
    {
        var tokens = Enumerable.Range(0, size).Select(id => id < 256 ? SpelledByte(id) : $"[PAD{id}]").ToArray();
        writer.Add(GgufKeys.TokenizerModel, "gpt2");
        writer.Add(GgufKeys.PreTokenizer, "gpt-2");
        writer.Add(GgufKeys.Tokens, tokens);
        writer.Add(GgufKeys.TokenTypes, [.. tokens.Select((_, id) => id < 256 ? 1 : id < 258 ? 3 : 5)]);
        writer.Add(GgufKeys.Merges, Array.Empty<string>());
        writer.Add(GgufKeys.ChatTemplate, "{{ messages[0].content }}");
    }

    // GPT-2's alphabet: printable characters are themselves, the others lie beyond Latin-1.
    private static string SpelledByte(int value)
    {
        static bool IsPrintable(int value) => value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174;
        var spelled = IsPrintable(value) ? value : 256 + Enumerable.Range(0, value).Count(other => !IsPrintable(other));
        return ((char)spelled).ToString();
    }
}
