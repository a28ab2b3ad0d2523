using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Checkpoints;

/// <summary>Cards say what became of the weights, and lose nothing of what they said.</summary>
public sealed class QuantizedModelCardTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("layerskip-");

    private string Card => Path.Combine(_folder.FullName, "README.md");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Front_matter_names_the_base_and_the_text_what_was_done()
    {
        Assert.Equal(
            """
            ---
            license: mit
            tags: [a, b]
            base_model: parser
            base_model_relation: quantized
            ---

            > **Quantised to int8** from parser by LayerSkip.AI: matrices are int8 in blocks of 32 with a float32 scale each; norms and biases stay as they were. Command: `layerskip quantize --model parser --to int8 --output DIR --keep head`. All figures below are those of the model before that.

            # Parser

            ---
            a rule above

            """,
            Update("---\nlicense: mit\ntags: [a, b]\n---\n# Parser\n\n---\na rule above\n", finer: FinerWeights.Head));
    }

    [Theory]
    [InlineData("base_model: other/one\n")]
    [InlineData("base_model:\n- other/one\n- other/two\n")]
    [InlineData("base_model:\n  - other/one\nbase_model_relation: finetune\n")]
    public void The_bases_own_base_gives_way(string earlier)
    {
        var updated = Update($"---\nlicense: mit\n{earlier}language:\n- en\n---\ntext\n");

        Assert.StartsWith("---\nlicense: mit\nlanguage:\n- en\nbase_model: parser\nbase_model_relation: quantized\n---\n", updated, StringComparison.Ordinal);
        Assert.DoesNotContain("other", updated, StringComparison.Ordinal);
        Assert.DoesNotContain("finetune", updated, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("# Parser\n")]
    [InlineData("")]
    [InlineData("---\nnever closed: yes\n")]
    [InlineData("text\n---\nno: front\n---\n")]
    public void A_card_without_front_matter_gets_one_and_keeps_its_text(string card)
    {
        var updated = Update(card, type: TensorDataType.Int4);

        Assert.StartsWith("---\nbase_model: parser\nbase_model_relation: quantized\n---\n\n> **Quantised to int4**", updated, StringComparison.Ordinal);
        Assert.EndsWith("\n\n" + card, updated, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text", true)]
    [InlineData("\ntext", false)]
    [InlineData("\n\n\n  text", false)]
    [InlineData("", true)]
    public void Blank_lines_behind_front_matter_stay_and_stand_behind_what_was_done(string body, bool hasOneMore) =>
        Assert.EndsWith($" before that.\n{(hasOneMore ? "\n" : "")}{body}", Update($"---\nlicense: mit\n---\n{body}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("parser", "parser")]
    [InlineData("my parser", "'my parser'")]
    [InlineData("Ann's $HOME", @"'Ann'\''s $HOME'")]
    public void The_command_can_be_run_as_it_stands(string source, string argument) =>
        Assert.Contains($"`layerskip quantize --model {argument} --to int8 --output DIR`", Update("", source), StringComparison.Ordinal);

    [Fact]
    public void Line_ends_marks_and_foreign_bytes_stay()
    {
        byte[] body = [.. "# caf"u8, 0xE9, 0xFF, .. " naïve\r\n"u8];
        File.WriteAllBytes(Card, [0xEF, 0xBB, 0xBF, .. "---\r\nlicense: mit\r\n---\r\n"u8, .. body]);

        QuantizedModelCard.Update(Card, "parser", TensorDataType.Int8, FinerWeights.None);

        var updated = File.ReadAllBytes(Card);
        Assert.True(updated.AsSpan().StartsWith((byte[])[0xEF, 0xBB, 0xBF, .. "---\r\nlicense: mit\r\nbase_model: parser\r\n"u8]));
        Assert.True(updated.AsSpan().EndsWith(body));
        Assert.DoesNotMatch("(?<!\r)\n", Encoding.Latin1.GetString(updated));
    }

    [Fact]
    public void Names_are_read_back_as_they_are()
    {
        Assert.Contains("base_model: org/model-1.0\n", Update("", source: "cache/models--org--model-1.0/snapshots/0123abc"), StringComparison.Ordinal);
        Assert.Contains("base_model: \"yes: no\"\n", Update("", source: "yes: no"), StringComparison.Ordinal);
        Assert.Contains("base_model: \"1e3\"\n", Update("", source: "1e3"), StringComparison.Ordinal);
        Assert.DoesNotContain("\nevil: true", Update("", source: "x\nevil: true"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_text_stays_as_it_is_and_no_card_is_made()
    {
        byte[] wide = [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("# Parser")];
        File.WriteAllBytes(Card, wide);
        QuantizedModelCard.Update(Card, "parser", TensorDataType.Int8, FinerWeights.None);
        Assert.Equal(wide, File.ReadAllBytes(Card));

        File.Delete(Card);
        QuantizedModelCard.Update(Card, "parser", TensorDataType.Int8, FinerWeights.None);
        Assert.False(File.Exists(Card));
    }

    [Fact]
    public void Hostile_front_matter_takes_no_time()
    {
        var lines = string.Concat(Enumerable.Repeat("base_model: x\n- y\n", 50_000));
        Assert.Equal(1, Update($"---\n{lines}---\n").Split("base_model:").Length - 1);
        Assert.EndsWith(lines, Update($"---\n{lines}"), StringComparison.Ordinal);
    }

    private string Update(string card, string source = "parser", TensorDataType type = TensorDataType.Int8, FinerWeights finer = FinerWeights.None)
    {
        File.WriteAllText(Card, card);
        QuantizedModelCard.Update(Card, source, type, finer);
        return File.ReadAllText(Card);
    }
}
