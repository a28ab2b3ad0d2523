using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Tokenization.Patterns;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>The ways of splitting a text that <c>tokenizer.ggml.pre</c> names.</summary>
internal static class GgufPreTokenizers
{
    // Each expression cuts the pieces that the ones before have left.
    private static readonly string[] s_default =
        [@"[\p{P}\$\+<=>\^~\|]+", GptPattern.Expression(GptDialect.Gpt2), @"\p{N}+", "[0-9][0-9][0-9]"];

    private static readonly string[] s_gpt2 = [GptPattern.Expression(GptDialect.Gpt2)];
    private static readonly string[] s_llama3 = [GptPattern.Expression(GptDialect.Llama3)];
    private static readonly string[] s_qwen2 = [GptPattern.Expression(GptDialect.Qwen2)];
    private static readonly string[] s_singleDigits = [@"\p{N}", GptPattern.Expression(GptDialect.Gpt2)];
    private static readonly string[] s_deepSeekCoder = [@"[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", @"\p{N}"];

    // The second names letters that have a case, and is told so by the model's own files; escaped are those that editors like to normalize.
    private static readonly string[] s_deepSeekLlm =
    [
        @"[\r\n]",
        "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\u1F5F-\u1F7Dᾀ-ᾴᾶ-ᾼ\u1FBEῂ-ῄῆ-ῌ\u1FD0-\u1FD3\u1FD6-\u1FDBῠ-Ῥῲ-ῴῶ-ῼ"
        + "ℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
        @"\s?[!-/:-~！-／：-～‘-‟　-。]+", @"\s+$", "[一-龥ࠀ-一가-퟿]+", @"\p{N}+",
    ];

    // Mistral's own expression, with which its models were trained: llama.cpp tells the case of ASCII letters only.
    private static readonly string[] s_tekken =
    [
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
        + @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
        + @"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ];

    private static readonly string[] s_seedCoder =
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"];

    private static readonly string[] s_viking = [@" ?[^(\s|.,!?…。，、।۔،)]+", @"\p{N}"];

    // Names differ that split alike: they stand for vocabularies.
    private static readonly Dictionary<string, Splitting> s_byName = new(StringComparer.Ordinal)
    {
        ["default"] = new(s_default),
        ["gpt-2"] = new(s_gpt2),
        ["phi-2"] = new(s_gpt2),
        ["mpt"] = new(s_gpt2),
        ["olmo"] = new(s_gpt2),
        ["trillion"] = new(s_gpt2),
        ["mellum"] = new(s_gpt2),
        ["exaone4"] = new(s_gpt2),
        ["gigachat"] = new(s_gpt2),
        ["a.x-4.0"] = new(s_gpt2),
        ["llama-bpe"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["llama3"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["llama-v3"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["falcon3"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["pixtral"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["midm-2.0"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["falcon-h1"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["lfm2"] = new(s_llama3, IgnoresMerges: true, AddsBegin: true),
        ["tekken"] = new(s_tekken, IgnoresMerges: true, AddsBegin: true),
        ["smaug-bpe"] = new(s_llama3),
        ["dbrx"] = new(s_llama3),
        ["qwen2"] = new(s_qwen2),
        ["deepseek-r1-qwen"] = new(s_qwen2),
        ["kormo"] = new(s_qwen2),
        ["megrez"] = new(s_qwen2),
        ["stablelm2"] = new(s_qwen2),
        ["smollm"] = new(s_singleDigits),
        ["starcoder"] = new(s_singleDigits),
        ["refact"] = new(s_singleDigits),
        ["command-r"] = new(s_singleDigits),
        ["codeshell"] = new(s_singleDigits),
        ["minerva-7b"] = new(s_singleDigits),
        ["deepseek-coder"] = new(s_deepSeekCoder),
        ["deepseek-llm"] = new(s_deepSeekLlm),
        ["seed-coder"] = new(s_seedCoder),
        ["viking"] = new(s_viking),
    };

    /// <summary>The way that a file names; <c>default</c> where it names none.</summary>
    /// <exception cref="Checkpoints.CheckpointException">The name is unknown.</exception>
    public static Splitting Find(GgufMetadata metadata) =>
        s_byName.TryGetValue(metadata.TextOrNull(GgufKeys.PreTokenizer) ?? "default", out var found)
            ? found
            : throw metadata.Wrong(GgufKeys.PreTokenizer, $"one of {string.Join(", ", s_byName.Keys)}");

    /// <summary>The first name of a way of splitting, or null where it has none.</summary>
    public static string? NameOf(IReadOnlyList<string> expressions, bool ignoresMerges) => s_byName
        .FirstOrDefault(entry => entry.Value.IgnoresMerges == ignoresMerges && entry.Value.Expressions.SequenceEqual(expressions)).Key;

    /// <summary>A way of splitting, and what goes with its name.</summary>
    /// <param name="Expressions">What cuts, one after the other; matches and what lies between become pieces.</param>
    /// <param name="IgnoresMerges">A piece that is itself a token is taken whole.</param>
    /// <param name="AddsBegin">A begin-of-sequence token is put before a text unless the file says otherwise.</param>
    public sealed record Splitting(string[] Expressions, bool IgnoresMerges = false, bool AddsBegin = false)
    {
        /// <param name="file">The file that names it, for errors.</param>
        public PreTokenizer Create(string file) => new SequencePreTokenizer(
        [
            .. Expressions.Select(expression => new SplitPreTokenizer(
                (TextPattern?)GptPattern.TryRecognize(expression) ?? RegexPattern.Create(expression, $"{file}: {GgufKeys.PreTokenizer}"),
                SplitBehavior.Isolated,
                isInverted: false)),
            new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false),
        ]);
    }
}
