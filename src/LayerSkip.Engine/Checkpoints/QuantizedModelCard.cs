using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>
/// What a model card (<c>README.md</c>) says once the weights are quantised: its base model in the front matter, as Hugging Face's cards do, and what was done
/// before the text. All else stays byte for byte.
/// </summary>
internal static partial class QuantizedModelCard
{
    public const string FileName = "README.md";

    // A card is some kilobytes: what is longer is no card.
    private const long MaxBytes = 4 << 20;

    /// <summary>Says so in a card, if it is one: text in UTF-8, or in any encoding that has ASCII's bytes.</summary>
    /// <param name="path">The card; nothing happens where there is none.</param>
    /// <param name="source">The checkpoint that was quantised.</param>
    /// <param name="type">What matrices became.</param>
    /// <param name="finer">Matrices that stayed as they were.</param>
    public static void Update(string path, string source, TensorDataType type, FinerWeights finer)
    {
        if (new FileInfo(path) is { Exists: true, Length: <= MaxBytes } && File.ReadAllBytes(path) is var card && !card.Contains((byte)0))
        {
            // Every byte is a character, and comes back as it was.
            var updated = Of(Encoding.Latin1.GetString(card), source, type, finer);
            AtomicFile.Write(path, stream => stream.Write(Encoding.Latin1.GetBytes(updated)));
        }
    }

    private static string Of(string card, string source, TensorDataType type, FinerWeights finer)
    {
        var mark = card.StartsWith("\u00EF\u00BB\u00BF", StringComparison.Ordinal) ? card[..3] : "";
        var text = card[mark.Length..];
        var lineEnd = text.Contains("\r\n", StringComparison.Ordinal) ? "\r\n" : "\n";
        var name = NameOf(source);
        var facts = Bytes($"base_model: {Scalar(name)}{lineEnd}base_model_relation: quantized{lineEnd}");
        var done = Bytes(Describe(name, type, finer)) + lineEnd;
        if (FrontMatter().Match(text) is not { Success: true } front)
        {
            return $"{mark}---{lineEnd}{facts}---{lineEnd}{lineEnd}{done}{lineEnd}{text}";
        }

        // A text that begins with a blank line needs no other one before it.
        var body = text[front.Length..];
        var blank = body is ['\r' or '\n', ..] ? "" : lineEnd;
        return $"{mark}{front.Groups["open"]}{EarlierBase().Replace(front.Groups["facts"].Value, "")}{facts}{front.Groups["close"]}{lineEnd}{done}{blank}{body}";
    }

    private static string Describe(string name, TensorDataType type, FinerWeights finer)
    {
        var word = type.ToString().ToLowerInvariant();
        var keep = (finer.HasFlag(FinerWeights.Head), finer.HasFlag(FinerWeights.Embeddings)) switch
        {
            (true, true) => " --keep head,embeddings",
            (true, false) => " --keep head",
            (false, true) => " --keep embeddings",
            _ => "",
        };
        var shown = Shown().Replace(name, "?");
        return $"> **Quantised to {word}** from {shown} by LayerSkip.AI: matrices are {word} in blocks of {WeightBlocks.Size} with a float32 scale each" +
            $"{(type == TensorDataType.Int4 ? ", embeddings and head int8 unless kept" : "")}; norms and biases stay as they were. Command: `layerskip quantize --model {Argument(shown)} --to {word} --output DIR{keep}`. " +
            "All figures below are those of the model before that.";
    }

    /// <summary>The name on the hub where the directory is of its cache, else the directory's.</summary>
    private static string NameOf(string source)
    {
        var hub = HubCache().Match(Path.GetFullPath(source).Replace('\\', '/'));
        return hub.Success ? $"{hub.Groups[1]}/{hub.Groups[2]}" : Checkpoint.NameOf(source);
    }

    /// <summary>As YAML reads it back: double-quoted, as in JSON, wherever it might be taken for something else.</summary>
    private static string Scalar(string name) => PlainScalar().IsMatch(name) ? name : $"\"{JsonEncodedText.Encode(name)}\"";

    /// <summary>As a POSIX shell reads it back: in single quotes, where it is not plain.</summary>
    private static string Argument(string name) => PlainArgument().IsMatch(name) ? name : $"'{name.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private static string Bytes(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    [GeneratedRegex(@"\A(?<open>---[ \t]*\r?\n)(?<facts>(?:.*\n)*?)(?<close>---[ \t]*(?:\r?\n|\z))", RegexOptions.CultureInvariant)]
    private static partial Regex FrontMatter();

    /// <summary>Keys of the base model with their values, which may be lists of lines.</summary>
    [GeneratedRegex(@"^base_model(?:_relation)?[ \t]*:.*\n(?:(?:[ \t]|-[ \t]).*\n)*", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex EarlierBase();

    [GeneratedRegex(@"/models--([^/]+?)--([^/]+)/snapshots/[^/]+/?\z", RegexOptions.CultureInvariant)]
    private static partial Regex HubCache();

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9._/-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainScalar();

    [GeneratedRegex(@"\A[A-Za-z0-9._/-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainArgument();

    [GeneratedRegex(@"[\p{C}`<>]", RegexOptions.CultureInvariant)]
    private static partial Regex Shown();
}
