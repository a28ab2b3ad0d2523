using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Training;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Tests.Training;

public class RowEncoderTests
{
    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(Tool.Parser);

    private static int Id(string token) => s_tokenizer.TryGetId(token, out var id) ? id : throw new ArgumentException(token);

    private static RowEncoder Encoder(string? template = null) =>
        new(new PromptEncoder(template is null ? ChatTemplate.LoadFrom(Tool.Parser)! : ChatTemplate.Parse(template), s_tokenizer), [Id("<|end|>")]);

    private static TrainingRow Row(params (string Role, string Content)[] messages) =>
        new("rows, line 1", [.. messages.Select(message => new TemplateMessage { Role = message.Role, Content = message.Content })]);

    [Fact]
    public void Parse_is_encoded_as_the_shipped_parser_was_trained()
    {
        using var folder = new TrainingFolder();
        File.AppendAllText(folder.Of("rows.tsv"), "alarm\t  say <|end|> [IN:X now \t[IN:CREATE_ALARM say [SL:ALARM_NAME <|end|> ] now ]\n");
        foreach (var row in RowFile.Read(folder.Of("rows.tsv"), TargetForm.Decoupled))
        {
            // What users write never becomes control tokens; the parse is written with the tokenizer's own tokens for labels.
            int[] prompt =
            [
                Id("<|begin|>"), Id("<|user|>"), .. s_tokenizer.Encode(" " + row.Messages[0].Content!.Trim(), addSpecialTokens: false, AddedTokenMatching.None), Id("<|assistant|>"),
            ];
            int[] response = [.. s_tokenizer.Encode(" " + row.Messages[1].Content, addSpecialTokens: false, AddedTokenMatching.NonSpecial), Id("<|end|>")];

            var sequence = Assert.Single(Encoder().Encode(row, LossRange.Response));

            Assert.Equal([.. prompt, .. response], sequence.Tokens);
            Assert.Equal(prompt.Length, sequence.PromptLength);
        }
    }

    [Theory]
    [InlineData(TargetForm.Decoupled, "[IN:GET_WEATHER [SL:LOCATION york ] ]")]
    [InlineData(TargetForm.Full, "[IN:GET_WEATHER weather in [SL:LOCATION york ] ]")]
    [InlineData(TargetForm.Index, "[IN:GET_WEATHER [SL:LOCATION 2 2 ] ]")]
    internal void Form_decides_how_parses_are_written(TargetForm form, string expected)
    {
        using var folder = new TrainingFolder();

        Assert.Equal(expected, RowFile.Read(folder.Of("rows.tsv"), form).First().Messages[1].Content);
    }

    [Fact]
    public void Every_answer_of_a_conversation_is_learnt_after_what_stands_before_it()
    {
        var row = Row(("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four"));
        var sequences = Encoder().Encode(row, LossRange.Response);

        Assert.Equal(2, sequences.Count);
        Assert.Equal([" two<|end|>", " four<|end|>"], sequences.Select(s => s_tokenizer.Decode([.. s.Tokens.Skip(s.PromptLength)], skipSpecialTokens: false)));
        Assert.Equal(sequences[0].Tokens, sequences[1].Tokens.Take(sequences[0].Tokens.Count));

        var whole = Assert.Single(Encoder().Encode(row, LossRange.All));
        Assert.Equal(sequences[1].Tokens, whole.Tokens);
        Assert.Equal(sequences[1].PromptLength, whole.PromptLength);
    }

    [Fact]
    public void Calls_of_tools_are_learnt_as_the_client_reads_them()
    {
        using var folder = new TrainingFolder();
        File.WriteAllText(folder.Of("calls.jsonl"), """
            {"messages": [{"role": "user", "content": "rain?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"york\"}"}}]}, {"role": "tool", "tool_call_id": "1", "name": "get_weather", "content": "dry"}, {"role": "assistant", "content": "no"}], "tools": [{"type": "function", "function": {"name": "get_weather", "description": "Tells the weather.", "parameters": {"type": "object"}}}]}
            """);
        var row = Assert.Single(RowFile.Read(folder.Of("calls.jsonl"), TargetForm.Decoupled));

        var sequences = Encoder().Encode(row, LossRange.Response);

        string Text(IEnumerable<int> tokens) => s_tokenizer.Decode([.. tokens]);
        Assert.Equal(2, sequences.Count);
        Assert.Contains("Tells the weather.", Text(sequences[0].Tokens.Take(sequences[0].PromptLength)), StringComparison.Ordinal);
        var call = Text(sequences[0].Tokens.Skip(sequences[0].PromptLength));
        Assert.Contains("\"get_weather\"", call, StringComparison.Ordinal);
        Assert.Matches("\"city\": ?\"york\"", call);
        Assert.Contains("dry", Text(sequences[1].Tokens.Take(sequences[1].PromptLength)), StringComparison.Ordinal);
        Assert.Equal(" no", Text(sequences[1].Tokens.Skip(sequences[1].PromptLength)));

        var error = Assert.Throws<UsageException>(() =>
        {
            File.WriteAllText(folder.Of("calls.jsonl"), """{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]}""");
            EvaluationFile.Read("evaluation", folder.Of("calls.jsonl"));
        });
        Assert.Contains("messages[0] has tool_calls, expected an answer that is text", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Answer_that_the_template_does_not_end_is_ended()
    {
        var sequence = Encoder("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}")
            .Encode(Row(("user", "hi"), ("assistant", "yes")), LossRange.Response).Single();

        Assert.Equal(Id("<|end|>"), sequence.Tokens[^1]);
        Assert.Equal(" yes\n", s_tokenizer.Decode([.. sequence.Tokens.Skip(sequence.PromptLength).SkipLast(1)]));
    }

    [Fact]
    public void What_stands_behind_the_end_is_left_out()
    {
        var sequence = Encoder("{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.role == 'assistant' %}<|end|>{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}")
            .Encode(Row(("user", "hi"), ("assistant", "yes")), LossRange.Response).Single();

        Assert.Equal(" yes<|end|>", s_tokenizer.Decode([.. sequence.Tokens.Skip(sequence.PromptLength)], skipSpecialTokens: false));
    }

    [Fact]
    public void Answer_whose_first_characters_would_merge_with_the_prompt_is_encoded_by_itself()
    {
        const string Template = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}a{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}a{% endif %}";
        var sequence = Encoder(Template).Encode(Row(("user", "x "), ("assistant", "larm")), LossRange.Response).Single();

        Assert.Equal(s_tokenizer.Encode("x a"), sequence.Tokens.Take(sequence.PromptLength));
        Assert.Equal([.. s_tokenizer.Encode("larm"), Id("<|end|>")], sequence.Tokens.Skip(sequence.PromptLength));
    }

    [Fact]
    public void Template_that_writes_the_answer_elsewhere_is_refused()
    {
        var encoder = Encoder("{% if add_generation_prompt %}begin {% endif %}{% for m in messages %}{{ m.content }}{% endfor %}");
        var error = Assert.Throws<UsageException>(() => encoder.Encode(Row(("user", "hi"), ("assistant", "yes")), LossRange.Response));

        Assert.Contains("rows, line 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("behind the prompt", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Row_that_the_template_refuses_is_named()
    {
        var encoder = Encoder("{% if messages[0].role != 'user' %}{{ raise_exception('no user') }}{% endif %}{{ messages[0].content }}");
        var error = Assert.Throws<UsageException>(() => encoder.Encode(Row(("narrator", "hi"), ("assistant", "yes")), LossRange.Response));

        Assert.Contains("rows, line 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("no user", error.Message, StringComparison.Ordinal);
    }
}
