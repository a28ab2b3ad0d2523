using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints.Gguf;

public class GgufGenerationReaderTests
{
    private static readonly string[] s_tokens = ["a", "b", "</s>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|endoftext|>"];

    [Fact]
    public void Special_tokens_that_are_spelled_as_ends_end_an_answer()
    {
        Assert.Equal([4, 5, 7], Read(Tokens(1, 1, 1, 3, 3, 4, 1, 3)).EndOfSequenceIds); // ordinary tokens are text, whatever they spell
        Assert.Equal([5, 1, 0, 4], Read(Tokens(1, 1, 1, 3, 3, 3, 1, 1), Number(GgufKeys.EndId, 5), Number(GgufKeys.EndOfTurnId, 1), Number(GgufKeys.EndOfMessageId, 0)).EndOfSequenceIds);
        Assert.Empty(Read(writer => writer.Add(GgufKeys.Tokens, s_tokens)).EndOfSequenceIds);
    }

    [Fact]
    public void A_list_of_ends_holds_alone()
    {
        Assert.Equal([1], Read(Tokens(1, 1, 1, 3, 3, 3, 3, 3), Number(GgufKeys.EndId, 5), writer => writer.Add(GgufKeys.EndIds, [1])).EndOfSequenceIds);
        Assert.Empty(Read(Tokens(1, 1, 1, 3, 3, 3, 3, 3), writer => writer.Add(GgufKeys.EndIds, Array.Empty<int>())).EndOfSequenceIds);
    }

    [Fact]
    public void SentencePieces_end_is_token_2_unless_the_file_says_otherwise()
    {
        static void SentencePiece(GgufWriter writer) => writer.Add(GgufKeys.TokenizerModel, "llama");
        Assert.Equal([2], Read(SentencePiece).EndOfSequenceIds);
        Assert.Equal([1], Read(SentencePiece, Number(GgufKeys.EndId, 1)).EndOfSequenceIds);
        Assert.Empty(Read(writer => writer.Add(GgufKeys.TokenizerModel, "gpt2")).EndOfSequenceIds);
    }

    [Fact]
    public void Tokens_without_a_row_are_no_ends_and_no_padding()
    {
        var tokens = Enumerable.Range(0, TinyCheckpoint.DefaultConfig.VocabularySize).Select(id => $"t{id}").Append("</s>").ToArray();
        var generation = Read(
            writer => writer.Add(GgufKeys.Tokens, tokens),
            writer => writer.Add(GgufKeys.TokenTypes, [.. tokens.Select(_ => 3)]),
            Number(GgufKeys.PadId, tokens.Length - 1));
        Assert.Empty(generation.EndOfSequenceIds);
        Assert.Null(generation.PadId);
        Assert.Equal(96, Read(Number(GgufKeys.PadId, 96)).PadId);
    }

    [Fact]
    public void Padding_that_llama_cpp_writes_for_none_is_none()
    {
        static void NoPadding(GgufWriter writer) => writer.AddStored(GgufKeys.PadId, GgufValueType.UInt32, [255, 255, 255, 255]);
        Assert.Null(Read(NoPadding).PadId);
        Assert.Contains("padding_token_id is 'x', expected an integer", Assert.Throws<CheckpointException>(() => Read(writer => writer.Add(GgufKeys.PadId, "x"))).Message, StringComparison.Ordinal);

        using var file = new TemporaryFile();
        var template = new GgufWriter();
        Tokens(1, 1, 3, 3, 3, 3, 3, 3)(template);
        Number(GgufKeys.EndId, 2)(template);
        Number(GgufKeys.UnknownId, s_tokens.Length)(template);
        NoPadding(template);
        template.Write(file.Path);
        Assert.Equal([KeyValuePair.Create("eos_token", "</s>")], GgufChatTemplate.Read(file.Path).SpecialTokens);
    }

    [Fact]
    public void Special_tokens_that_llama_cpp_writes_for_none_are_none()
    {
        string[] keys = [GgufKeys.BeginId, GgufKeys.EndId, GgufKeys.EndOfTurnId, GgufKeys.EndOfMessageId];
        var generation = Read([.. keys.Select(key => (Action<GgufWriter>)(writer => writer.AddStored(key, GgufValueType.UInt32, [255, 255, 255, 255])))]);
        Assert.Null(generation.BeginOfSequenceId);
        Assert.Empty(generation.EndOfSequenceIds);
    }

    [Fact]
    public void Recommended_sampling_is_read()
    {
        var sampling = Read(writer => writer.Add(GgufKeys.SamplingMinP, 0.25f), writer => writer.Add(GgufKeys.DoSample, true)).Sampling;
        Assert.Equal((1, 0.25f), (sampling.Temperature, sampling.MinP));
    }

    private static Action<GgufWriter> Tokens(params int[] types) => writer =>
    {
        writer.Add(GgufKeys.Tokens, s_tokens);
        writer.Add(GgufKeys.TokenTypes, types);
    };

    private static Action<GgufWriter> Number(string key, int number) => writer => writer.Add(key, number);

    private static GenerationDefaults Read(params Action<GgufWriter>[] adds)
    {
        using var file = new TemporaryFile();
        var writer = new GgufWriter();
        foreach (var add in adds)
        {
            add(writer);
        }

        writer.Write(file.Path);
        return GgufGenerationReader.Read(GgufFile.ReadMetadata(file.Path), TinyCheckpoint.DefaultConfig);
    }
}
