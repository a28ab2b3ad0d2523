using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Bpe;
using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.Normalization;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Tokenizer files that are damaged or written to do harm: an error that names them, in little time and memory.</summary>
public sealed class DamagedTokenizerTests
{
    private const string Model = """{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}""";

    [Theory]
    [InlineData("{\"model\":" + Model + ",\"\\ud800\":1}")]
    [InlineData("{\"model\":" + Model + ",\"added_tokens\":[{\"id\":3,\"content\":\"\\udc00\"}]}")]
    [InlineData("{\"model\":" + Model + ",\"added_tokens\":[{\"id\":3,\"content\":\"c\",\"special\":\"\u00ff\"}]}")]
    [InlineData("{\"model\":{\"vocab\":{\"a\":0,\"\\ud800\":1},\"merges\":[]}}")]
    [InlineData("{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a \u00ff\"]}}")]
    [InlineData("{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a \\ud800\"]}}")]
    [InlineData("{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"\u00ff\"]]}}")]
    public void Text_that_is_no_Unicode_is_refused(string json)
    {
        // As Latin-1: the ÿ becomes a byte that UTF-8 never holds.
        var error = Assert.Throws<CheckpointException>(() => TestTokenizers.WithFiles(Tokenizer.Load, ("tokenizer.json", Encoding.Latin1.GetBytes(json))));
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Changed_bytes_are_refused_or_read_and_nothing_else_comes_out()
    {
        var json = TestTokenizers.SentencePiece(["▁", "a", "b", "ab", "▁ab"], "a b", "▁ ab");
        json["added_tokens"] = new JsonArray(TestTokenizers.Added(261, "<s>", special: true), TestTokenizers.Added(262, "new"));
        json["post_processor"] = Template(261);
        var whole = Encoding.UTF8.GetBytes(json.ToJsonString());
        var random = new Random(20261127);
        var (refused, trials) = (0, 2000);
        for (var trial = 0; trial < trials; trial++)
        {
            var changed = whole.ToArray();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            }

            try
            {
                TestTokenizers.WithFiles(Tokenizer.Load, ("tokenizer.json", changed)).Encode("ab new");
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, trials / 4, trials - 1);
    }

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    public void Files_far_larger_than_any_genuine_one_are_not_read(string large)
    {
        var error = Assert.Throws<CheckpointException>(() => TestTokenizers.WithFiles(
            directory =>
            {
                using (var file = new FileStream(Path.Combine(directory, large), FileMode.Create))
                {
                    file.SetLength((128 << 20) + 1);
                }

                return Tokenizer.Load(directory);
            },
            ("vocab.json", "{}"u8.ToArray()),
            ("merges.txt", [])));
        Assert.Contains($"{large}: is 134217729 bytes long, expected at most 134217728", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_lines_of_merges_take_no_more_memory_than_their_own()
    {
        var lines = new byte[4_000_000];
        lines.AsSpan().Fill((byte)'\n');
        var before = GC.GetAllocatedBytesForCurrentThread();
        var tokenizer = TestTokenizers.WithFiles(Tokenizer.Load, ("vocab.json", """{"a":0}"""u8.ToArray()), ("merges.txt", lines));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 30_000_000);
        Assert.Equal([0, 0], tokenizer.Encode("aa"));
    }

    [Fact]
    public void Merge_tables_grow_by_their_merges_and_forget_none()
    {
        var (table, expected, random) = (new MergeTable(), new Dictionary<(int, int), (int Rank, int Merged)>(), new Random(7));
        for (var rank = 0; rank < 5000; rank++)
        {
            var (pair, merged) = ((random.Next(100), random.Next(100)), random.Next());
            table.Set(pair.Item1, pair.Item2, rank, merged);
            expected[pair] = (rank, merged);
        }

        for (var left = 0; left < 100; left++)
        {
            for (var right = 0; right < 100; right++)
            {
                var found = table.Find(left, right);
                Assert.Equal(expected.TryGetValue((left, right), out var merge) ? (ulong)merge.Rank << 32 | (uint)merge.Merged : MergeTable.NoMerge, found);
            }
        }

        Assert.Equal(expected.Count, table.Entries().Count());
    }

    [Fact]
    public void Steps_are_bounded_and_bytes_are_spelled_once()
    {
        Expect("pre_tokenizer.pretokenizers[1].type is 'ByteLevel', expected one 'ByteLevel' at most", "pre_tokenizer", Sequence("pretokenizers", 28, """{"type":"ByteLevel"}"""));
        Expect("pre_tokenizer.pretokenizers[16] is an object, expected no more than 16 steps", "pre_tokenizer", Sequence("pretokenizers", 17, """{"type":"Digits"}"""));
        Expect("normalizer.normalizers[16] is an object, expected no more than 16 steps", "normalizer", Sequence("normalizers", 17, """{"type":"NFC"}"""));
        Expect("decoder.decoders[16] is an object, expected no more than 16 steps", "decoder", Sequence("decoders", 17, """{"type":"Metaspace"}"""));

        static JsonNode Sequence(string name, int count, string step) =>
            new JsonObject { ["type"] = "Sequence", [name] = new JsonArray([.. Enumerable.Range(0, count).Select(_ => JsonNode.Parse(step))]) };
    }

    [Fact]
    public void All_tokens_share_one_budget()
    {
        var (step, normalizer) = (new RecordingStep(), new RecordingNormalizer());
        var vocabulary = new Vocabulary(new() { ["a"] = 0, ["b"] = 1, ["c"] = 2 });
        _ = new Tokenizer(new TokenizerDefinition
        {
            Origin = "test",
            Family = TokenizerFamily.SentencePieceBpe,
            Model = new BpeModel(vocabulary, new MergeTable(), new BpeOptions()),
            AddedTokens = [.. "xyz".Select((content, index) => new AddedToken(3 + index, content.ToString(), false, IsNormalized: true, false, false, false))],
            Normalizer = normalizer,
            Decoder = new DecoderSettings { Steps = [step] },
        });
        Assert.Equal((6, 1), (step.Budgets.Count, step.Budgets.Distinct().Count()));
        Assert.Equal((3, 1), (normalizer.Budgets.Count, normalizer.Budgets.Distinct().Count()));
    }

    [Fact]
    public void Template_ids_without_a_token_are_refused()
    {
        Expect("post_processor.special_tokens.<s>.ids[0] is 3, expected a token's id", "post_processor", Template(3));
        var json = JsonNode.Parse($"{{\"model\":{Model}}}")!;
        json["post_processor"] = Template(2);
        Assert.Equal([2, 0], TestTokenizers.Load(json).Encode("a"));
    }

    [Fact]
    public void Templates_are_bounded_and_their_tokens_looked_up_in_no_time()
    {
        // Each would be billions of ids or comparisons.
        var ids = string.Join(',', Enumerable.Repeat("0", 300_000));
        Expect("post_processor.single[0] is an object, expected no more than 64 tokens before a text", "post_processor", Many("\"x\":{\"ids\":[" + ids + "]}", 20_000, _ => "x"));
        Expect("post_processor.single[64] is an object, expected no more than 64 tokens before a text", "post_processor", Many("""
            "x":{"ids":[0]}
            """, 20_000, _ => "x"));
        Expect(
            "post_processor.single[99999] is an object, expected a 'SpecialToken' or the 'Sequence' A, once",
            "post_processor",
            Many(string.Join(',', Enumerable.Range(0, 99_999).Select(index => $"\"x{index}\":{{\"ids\":[]}}")), 99_999, index => $"x{index}", last: "{}"));
        Expect(
            "post_processor.processors[64] is an object, expected no more than 64 tokens",
            "post_processor",
            JsonNode.Parse($$"""{"type":"Sequence","processors":[{{string.Join(',', Enumerable.Repeat(Template(0).ToJsonString(), 100))}}]}""")!);

        static JsonNode Many(string specialTokens, int count, Func<int, string> name, string last = """{"Sequence":{"id":"A"}}""") => JsonNode.Parse(
            $$"""
            {"type":"TemplateProcessing","special_tokens":{{{specialTokens}}},
            "single":[{{string.Join(',', Enumerable.Range(0, count).Select(index => $"{{\"SpecialToken\":{{\"id\":\"{name(index)}\"}}}}"))}},{{last}}]}
            """)!;
    }

    [Fact]
    public void Errors_quote_a_file_in_one_short_line_and_name_it()
    {
        const string Hostile = "\u001b[2J\r\n";
        var text = Hostile + new string('x', 3000);
        string[] files =
        [
            """{"model":MODEL,"added_tokens":[{"id":0,"content":"TEXT"}]}""",
            """{"model":MODEL,"added_tokens":[{"id":7,"content":"TEXT"},{"id":8,"content":"TEXT"}]}""",
            """{"model":MODEL,"added_tokens":[{"id":7,"content":"TEXT"}]}""",
            """{"model":{"type":"TEXT"}}""",
            """{"model":{"vocab":{"TEXT":-1},"merges":[]}}""",
            """{"model":{"vocab":{"TEXT":0,"b":0},"merges":[]}}""",
            """{"model":{"vocab":{"a":0},"merges":["TEXT"]}}""",
            """{"model":MODEL,"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"(TEXT"}}}""",
            """{"model":MODEL,"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"[b-a]TEXT"}}}""",
            """{"model":MODEL,"post_processor":{"type":"TemplateProcessing","special_tokens":{},"single":[{"SpecialToken":{"id":"TEXT"}}]}}""",
            """{"model":MODEL,"decoder":{"type":"Replace","pattern":{"String":"x"},"content":"LONG"},"added_tokens":[{"id":7,"content":"TEXTTEXTTEXTTEXTTEXTTEXT"}]}""",
        ];
        foreach (var file in files)
        {
            Check(Assert.Throws<CheckpointException>(() => Load(file)).Message);
        }

        var growing = Load("""{"model":MODEL,"normalizer":{"type":"Prepend","prepend":"TEXT"}}""");
        Check(Assert.Throws<CheckpointException>(() => growing.Encode("a")).Message);

        Tokenizer Load(string file) => TestTokenizers.Load(file
            .Replace("MODEL", Model, StringComparison.Ordinal)
            .Replace("LONG", new string('y', 64), StringComparison.Ordinal)
            .Replace("TEXT", JsonEncodedText.Encode(text).ToString(), StringComparison.Ordinal));

        static void Check(string message)
        {
            Assert.Contains("tokenizer.json", message, StringComparison.Ordinal);
            Assert.DoesNotContain(message, char.IsControl);
            Assert.InRange(message.Length, 1, 500);
        }
    }

    private static void Expect(string message, string field, JsonNode value)
    {
        var json = JsonNode.Parse($"{{\"model\":{Model}}}")!;
        json[field] = value;
        Assert.Contains($"tokenizer.json: {message}", Assert.Throws<CheckpointException>(() => TestTokenizers.Load(json)).Message, StringComparison.Ordinal);
    }

    private static JsonNode Template(int id) => JsonNode.Parse($$$$"""
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
        "special_tokens":{"<s>":{"id":"<s>","ids":[{{{{id}}}}],"tokens":["<s>"]}}}
        """)!;

    private sealed class RecordingStep : DecoderStep
    {
        public List<RegexBudget> Budgets { get; } = [];

        public override string Apply(string token, bool isFirst, RegexBudget budget)
        {
            Budgets.Add(budget);
            return token;
        }
    }

    private sealed class RecordingNormalizer : Normalizer
    {
        public List<RegexBudget> Budgets { get; } = [];

        public override NormalizedText Apply(NormalizedText text)
        {
            Budgets.Add(text.Budget);
            return text;
        }
    }
}
