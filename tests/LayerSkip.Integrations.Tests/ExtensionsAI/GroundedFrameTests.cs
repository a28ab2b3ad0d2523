using LayerSkip.AI;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;
using LayerSkip.Parsing.Grounding;
using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;

namespace LayerSkip.Integrations.Tests.ExtensionsAI;

/// <summary>The shipped parser, held to what was said.</summary>
public class GroundedFrameTests(Parser parser)
{
    // The parser by itself makes 6:11 of it.
    private const string Utterance = "Change my 6 am alarm to 6:13";
    private const string Frame = "[IN:UPDATE_ALARM [SL:ALARM_NAME [IN:GET_TIME [SL:DATE_TIME 6 am ] ] ] [SL:DATE_TIME to 6 : 13 ] ]";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_has_the_utterances_words_in_every_mode(bool streaming)
    {
        var token = TestContext.Current.CancellationToken;
        using var client = new GroundedFrameChatClient(parser.Counting());
        var free = await parser.Client.GetResponseAsync(Utterance, cancellationToken: token);
        Assert.NotEqual(Frame, free.Text.Trim());

        foreach (var mode in (DecodingMode[])[DecodingMode.Autoregressive, DecodingMode.SelfSpeculative])
        {
            var options = new ChatOptions().WithDecodingMode(mode);
            var response = streaming
                ? await client.GetStreamingResponseAsync(Utterance, options, token).ToChatResponseAsync(token)
                : await client.GetResponseAsync(Utterance, options, token);

            Assert.Equal(Frame, response.Text.Trim());
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1.5f)]
    public async Task Many_requests_at_once_get_each_their_own_frames(float? temperature)
    {
        using var client = new GroundedFrameChatClient(parser.Counting());
        string[] utterances = ["wake me at 5:30pm", "so so so", "Lucía says hi", "play 😀 by [x]", "   ", "remind me to text my mom about the the party"];
        var options = new ChatOptions { Temperature = temperature, Seed = 7 };

        var together = await Task.WhenAll(utterances.Select(utterance => client.GetResponseAsync(utterance, options, TestContext.Current.CancellationToken)));

        foreach (var (utterance, response) in utterances.Zip(together))
        {
            var alone = await client.GetResponseAsync(utterance, options, TestContext.Current.CancellationToken);
            Assert.Equal(alone.Text, response.Text);
            Assert.True(FrameTree.TryParse(response.Text, out var frame), response.Text);
            Assert.True(frame.IsValid);
            Assert.All(frame.Words(), word => Assert.Contains(word, string.Concat(UtteranceWords.Split(utterance)), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task An_answer_that_is_cut_short_is_a_frame_of_the_parsers_own_labels_and_the_same_in_every_mode()
    {
        using var client = new GroundedFrameChatClient(parser.Counting());
        var labels = GroundedFrames.Labels(parser.Client.GetRequiredService<Tokenizer>());
        var whole = 0;
        for (var limit = 1; limit < 20; limit++)
        {
            var options = new ChatOptions { MaxOutputTokens = limit };
            var plain = await client.GetResponseAsync(Utterance, options.WithDecodingMode(DecodingMode.Autoregressive), TestContext.Current.CancellationToken);
            var drafted = await client.GetResponseAsync(Utterance, options.WithDecodingMode(DecodingMode.SelfSpeculative), TestContext.Current.CancellationToken);

            Assert.Equal((plain.Text, plain.FinishReason), (drafted.Text, drafted.FinishReason));
            if (FrameTree.TryParse(plain.Text, out var frame))
            {
                whole++;
                Assert.All(Labels(frame.Root), label => Assert.Contains(label, labels));
            }
        }

        // Two tokens make a frame.
        Assert.InRange(whole, 16, 18);

        static IEnumerable<string> Labels(FrameNode node) =>
            node.Kind == FrameNodeKind.Word ? [] : node.Children.SelectMany(Labels).Prepend(node.Text);
    }

    [Fact]
    public void A_label_that_is_a_token_is_written_by_it_even_where_the_parser_would_have_another_one()
    {
        var tokenizer = parser.Client.GetRequiredService<Tokenizer>();
        var model = parser.Client.GetRequiredService<LayerSkipModel>();
        foreach (var utterance in (string[])["play some music by queen", "pause the timer", "will it rain in Rome", "wake me at 7", "  "])
        {
            var constraint = GroundedFrames.Constrain(utterance, tokenizer, ["IN:CREATE_ALARM", "IN:CREATE_REMINDER", "SL:TODO", "SL:DATE_TIME"]);
            foreach (var (exit, temperature) in ((int?, float)[])[(null, 0), (2, 0), (2, 1.5f)])
            {
                var prompt = tokenizer.Encode($"<|begin|><|user|> {utterance}<|assistant|>");
                var options = new DecodingOptions { Constraint = constraint, ExitLayer = exit, MaxNewTokens = 40, Sampling = new() { Temperature = temperature, Seed = 3 } };
                using var generation = model.Generate(prompt, options);
                while (generation.NextRound(TestContext.Current.CancellationToken))
                {
                }

                var frame = FrameTree.Parse(tokenizer.Decode(generation.Output));
                Assert.Contains(frame.Root.Text, (string[])["IN:CREATE_ALARM", "IN:CREATE_REMINDER"]);
                Assert.All(frame.Root.Children, slot => Assert.Contains(slot.Text, (string[])["SL:TODO", "SL:DATE_TIME"]));
                Assert.All(generation.Output.ToArray(), token => Assert.True(tokenizer.IsAdded(token) || !tokenizer.GetToken(token)!.Contains('[', StringComparison.Ordinal)));
            }
        }
    }

    [Fact]
    public async Task One_constraint_serves_many_requests_at_once()
    {
        var constraint = GroundedFrames.Constrain(Utterance, parser.Client.GetRequiredService<Tokenizer>());
        var requests = Enumerable.Range(0, 24).Select(i => new ChatOptions
        {
            Temperature = i % 3 == 0 ? 0 : 1.5f,
            Seed = i,
            RawRepresentationFactory = _ => new DecodingOptions { Constraint = constraint },
        }.WithDecodingMode(i % 2 == 0 ? DecodingMode.Autoregressive : DecodingMode.SelfSpeculative)).ToArray();

        var together = await Task.WhenAll(requests.Select(options => parser.Client.GetResponseAsync(Utterance, options, TestContext.Current.CancellationToken)));

        foreach (var (options, response) in requests.Zip(together))
        {
            var alone = await parser.Client.GetResponseAsync(Utterance, options, TestContext.Current.CancellationToken);
            Assert.Equal(alone.Text, response.Text);
        }
    }

    [Fact]
    public async Task Tools_get_what_was_said()
    {
        string? called = null;
        using var agent = parser.Counting().AsBuilder()
            .UseFunctionInvocation()
            .Use(inner => new FrameToolCallingChatClient(inner))
            .Use(inner => new GroundedFrameChatClient(inner))
            .Build();
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create((string dateTime) => called = dateTime, "UpdateAlarm")] };

        await agent.GetResponseAsync(Utterance, options, TestContext.Current.CancellationToken);

        Assert.Equal("to 6:13", called);

        // Where there is room for a part of it, nothing is called.
        called = null;
        options.MaxOutputTokens = 14;
        var cut = await agent.GetResponseAsync(Utterance, options, TestContext.Current.CancellationToken);
        Assert.Equal((null, ChatFinishReason.Length), (called, cut.FinishReason));
    }
}
