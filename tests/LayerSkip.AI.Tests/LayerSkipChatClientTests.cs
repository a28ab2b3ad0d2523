using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

/// <summary>The client's contract, on the trained parser and on random models.</summary>
public sealed class LayerSkipChatClientTests(LayerSkipChatClientTests.Parser parser) : IClassFixture<LayerSkipChatClientTests.Parser>
{
    private const string Utterance = "message alex to see if she made it home";
    private const string Parse = " [IN:SEND_MESSAGE [SL:RECIPIENT alex ] [SL:CONTENT_EXACT she made it home ] ]";

    /// <summary>One parser for all tests of the class.</summary>
    public sealed class Parser : IDisposable
    {
        private LayerSkipChatClient? _reference;

        public LayerSkipChatClient Client { get; } = TestModels.LoadParser();

        /// <summary>The one that the golden results are of; skips the test where it is absent.</summary>
        public LayerSkipChatClient Reference => _reference ??= LayerSkipChatClient.Load(SharedData.Require("topv2-parser"));

        public void Dispose()
        {
            Client.Dispose();
            _reference?.Dispose();
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(DecodingMode.Autoregressive)]
    [InlineData(DecodingMode.SelfSpeculative)]
    public async Task Parses_equal_the_reference_implementations(DecodingMode? mode)
    {
        foreach (var item in SharedData.RequireJson("topv2-parser/golden.json").GetProperty("items").EnumerateArray())
        {
            var options = mode is null ? null : new ChatOptions().WithDecodingMode(mode.Value).WithExitLayer(3).WithNumSpeculations(6);
            var response = await parser.Reference.GetResponseAsync(TestModels.User(item.GetProperty("utterance").GetString()!), options);

            Assert.Equal(item.GetProperty("output_text").GetString(), response.Text.Trim());
            Assert.Equal(item.GetProperty("prompt_ids").GetArrayLength(), response.Usage!.InputTokenCount);
            Assert.Equal(item.GetProperty("output_ids").GetArrayLength(), response.Usage.OutputTokenCount);
        }
    }

    [Fact]
    public async Task Early_exits_equal_the_reference_implementations()
    {
        foreach (var item in SharedData.RequireJson("topv2-parser/golden.json").GetProperty("items").EnumerateArray().Take(8))
        {
            foreach (var exit in item.GetProperty("early_exit").EnumerateObject())
            {
                var options = new ChatOptions().WithDecodingMode(DecodingMode.EarlyExit).WithExitLayer(int.Parse(exit.Name));
                int[] ids = [.. exit.Value.GetProperty("output_ids").EnumerateArray().Select(id => id.GetInt32())];

                Assert.Equal(
                    parser.Reference.Engine().Model.Tokenizer.Decode(ids),
                    await parser.Reference.Answer(item.GetProperty("utterance").GetString()!, options));
            }
        }
    }

    [Fact]
    public async Task Counts_equal_the_reference_implementations()
    {
        var options = new ChatOptions().WithDecodingMode(DecodingMode.SelfSpeculative).WithExitLayer(3).WithNumSpeculations(6);
        foreach (var item in SharedData.RequireJson("topv2-parser/golden.json").GetProperty("items").EnumerateArray())
        {
            var usage = (await parser.Reference.GetResponseAsync(TestModels.User(item.GetProperty("utterance").GetString()!), options)).Usage!;
            var golden = item.GetProperty("self_speculative");
            var (drafted, accepted) = (golden.GetProperty("drafted").GetInt64(), golden.GetProperty("accepted").GetInt64());

            Assert.Equal(drafted, usage.AdditionalCounts!["LayerSkip.DraftTokenCount"]);
            Assert.Equal(accepted, usage.AdditionalCounts["OutputTokenDetails.AcceptedPredictionTokenCount"]);
            Assert.Equal(drafted - accepted, usage.AdditionalCounts["OutputTokenDetails.RejectedPredictionTokenCount"]);
            Assert.Equal(golden.GetProperty("rounds").GetInt64(), usage.AdditionalCounts["LayerSkip.VerificationCount"]);
            Assert.Equal(
                usage.OutputTokenCount * 12,
                usage.AdditionalCounts["LayerSkip.LayersExecuted"] + usage.AdditionalCounts["LayerSkip.LayersSkipped"]);
        }
    }

    [Fact]
    public async Task Updates_have_the_contracts_shape()
    {
        var before = DateTimeOffset.UtcNow;
        var updates = await parser.Client.Updates(Utterance);

        Assert.Equal(Parse, string.Concat(updates.Select(update => update.Text)));
        Assert.All(updates, update =>
        {
            Assert.Equal(ChatRole.Assistant, update.Role);
            Assert.Equal("topv2-parser", update.ModelId);
            Assert.Equal(updates[0].ResponseId, update.ResponseId);
            Assert.InRange(update.CreatedAt!.Value, before, DateTimeOffset.UtcNow);
            Assert.Null(update.ConversationId);
        });
        Assert.False(string.IsNullOrEmpty(updates[0].ResponseId));
        Assert.False(string.IsNullOrEmpty(updates[0].MessageId));
        Assert.All(updates[..^1], update => Assert.Equal(updates[0].MessageId, update.MessageId));
        Assert.All(updates[..^2], update => Assert.NotEqual(0, update.Text.Length));
        Assert.All(updates[..^2], update => Assert.Null(update.FinishReason));

        Assert.Equal(ChatFinishReason.Stop, updates[^2].FinishReason);
        var usage = Assert.IsType<UsageContent>(Assert.Single(updates[^2].Contents)).Details;
        Assert.Equal(usage.InputTokenCount + usage.OutputTokenCount, usage.TotalTokenCount);
        Assert.Single(updates.SelectMany(update => update.Contents).OfType<UsageContent>());

        Assert.Null(updates[^1].MessageId);
        Assert.Empty(updates[^1].Contents);
    }

    [Fact]
    public async Task Response_is_one_message_with_statistics_beside_it()
    {
        var response = await parser.Client.GetResponseAsync(TestModels.User(Utterance));

        var message = Assert.Single(response.Messages);
        Assert.Equal(Parse, Assert.IsType<TextContent>(Assert.Single(message.Contents)).Text);
        Assert.Equal((ChatRole.Assistant, ChatFinishReason.Stop, "topv2-parser"), (message.Role, response.FinishReason, response.ModelId));
        Assert.Null(message.AdditionalProperties);
        Assert.Null(response.ConversationId);

        var properties = response.AdditionalProperties!;
        Assert.Equal("self-speculative", properties["decoding_mode"]);
        Assert.Equal((2, 16, "auto"), (properties["exit_layer"], properties["num_speculations"], properties["draft_controller"]));
        var isDrafted = response.Usage!.AdditionalCounts!["LayerSkip.DraftTokenCount"] > 0;
        Assert.Equal(isDrafted, properties["acceptance_rate"] is >= 0.0 and <= 1.0);
        Assert.Equal(!isDrafted, properties["acceptance_rate"] is null);
        foreach (var rate in new[] { "tokens_per_round", "prefill_ms", "decode_ms", "tokens_per_second", "time_per_token_ms" })
        {
            Assert.True(Assert.IsType<double>(properties[rate]) >= 0, rate);
        }

        // What a response cache stores.
        var json = JsonSerializer.Serialize(response, AIJsonUtilities.DefaultOptions);
        Assert.Equal(Parse, JsonSerializer.Deserialize<ChatResponse>(json, AIJsonUtilities.DefaultOptions)!.Text);
    }

    [Fact]
    public async Task Streaming_and_not_give_the_same()
    {
        foreach (var utterance in new[] { Utterance, "Turn off alarms", "", "wake me up at 7 🦀" })
        {
            var streamed = (await parser.Client.Updates(utterance)).ToChatResponse();
            var whole = await parser.Client.GetResponseAsync(TestModels.User(utterance));

            Assert.Equal(whole.Text, streamed.Text);
            Assert.Equal(whole.FinishReason, streamed.FinishReason);
            Assert.Equal(whole.Usage!.TotalTokenCount, streamed.Usage!.TotalTokenCount);
            Assert.Equal(whole.Messages.Count, streamed.Messages.Count);
            Assert.NotEqual(whole.ResponseId, streamed.ResponseId);
            Assert.NotEqual(whole.Messages[0].MessageId, streamed.Messages[0].MessageId);
        }
    }

    [Fact]
    public async Task Requests_at_once_are_each_right()
    {
        string[] utterances = [Utterance, "Turn off alarms", "Please snooze", "Any concerts this weekend", "Parades in New York City"];
        var alone = new List<string>();
        foreach (var utterance in utterances)
        {
            alone.Add(await parser.Client.Answer(utterance));
        }

        var together = await Task.WhenAll(utterances.Concat(utterances).Select((utterance, i) => Task.Run(() => parser.Client.Answer(
            utterance, new ChatOptions().WithDecodingMode(i % 2 == 0 ? DecodingMode.SelfSpeculative : DecodingMode.Autoregressive)))));

        Assert.Equal(alone.Concat(alone), together);
    }

    [Fact]
    public async Task Messages_are_enumerated_once_and_nothing_is_changed()
    {
        var enumerations = 0;
        IEnumerable<ChatMessage> Messages()
        {
            enumerations++;
            yield return new(ChatRole.System, "Parse.");
            yield return new(ChatRole.User, Utterance);
        }

        var options = new ChatOptions
        {
            Instructions = "You parse.",
            StopSequences = ["alex"],
            Temperature = 0,
            AdditionalProperties = new() { ["exit_layer"] = 3, ["unknown"] = "x" },
        };
        var before = JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions);

        await parser.Client.GetResponseAsync(Messages(), options);

        Assert.Equal(1, enumerations);
        Assert.Equal(before, JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions));
    }

    [Fact]
    public void Errors_of_arguments_and_options_come_before_the_stream_is_read()
    {
        var client = parser.Client;
        Assert.Throws<ArgumentNullException>("messages", () => client.GetStreamingResponseAsync(null!));
        Assert.Throws<ArgumentNullException>("messages", () => { _ = client.GetResponseAsync((IEnumerable<ChatMessage>)null!); });
        Assert.Throws<ArgumentOutOfRangeException>(() => client.GetStreamingResponseAsync(TestModels.User("x"), new() { Temperature = -1 }));
    }

    [Fact]
    public async Task Errors_of_the_conversation_come_with_the_streams_first_update()
    {
        await Refused<ArgumentException>([null!]);
        await Refused<ArgumentException>([], new() { Instructions = "Answer.", ResponseFormat = ChatResponseFormat.Json });
        Assert.Contains("256", (await Refused<PromptTooLongException>(TestModels.User(new string('x', 2000)))).Message);

        async Task<T> Refused<T>(ChatMessage[] messages, ChatOptions? options = null)
            where T : ArgumentException
        {
            await using var updates = parser.Client.GetStreamingResponseAsync(messages, options).GetAsyncEnumerator(TestContext.Current.CancellationToken);
            return await Assert.ThrowsAsync<T>(nameof(messages), async () => await updates.MoveNextAsync());
        }
    }

    [Fact]
    public async Task Errors_of_one_request_leave_those_made_with_it_to_be_awaited()
    {
        (ChatMessage[] Messages, ChatOptions? Options)[] requests =
        [
            (TestModels.User(Utterance), null), (TestModels.User(new string('x', 2000)), null), (TestModels.User(Utterance), new() { Temperature = -1 }),
            (TestModels.User(Utterance), new() { ConversationId = "c" }), (TestModels.User(Utterance), null),
        ];

        var responses = requests.Select(request => parser.Client.GetResponseAsync(request.Messages, request.Options)).ToArray();

        await Assert.ThrowsAsync<PromptTooLongException>("messages", () => responses[1]);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => responses[2]);
        await Assert.ThrowsAsync<NotSupportedException>(() => responses[3]);
        Assert.Equal((Parse, Parse), ((await responses[0]).Text, (await responses[4]).Text));
    }

    [Theory]
    [InlineData("alex ]", " [IN:SEND_MESSAGE [SL:RECIPIENT ")]
    [InlineData("T a", " [IN:SEND_MESSAGE [SL:RECIPIEN")]
    [InlineData(" [SL:C", " [IN:SEND_MESSAGE [SL:RECIPIENT alex ]")]
    [InlineData(" ]", " [IN:SEND_MESSAGE [SL:RECIPIENT alex")]
    [InlineData(" [IN", "")]
    [InlineData(" ] ]", " [IN:SEND_MESSAGE [SL:RECIPIENT alex ] [SL:CONTENT_EXACT she made it home")]
    [InlineData(" ] ] ]", Parse)]
    [InlineData("never", Parse)]
    public async Task Stop_sequences_cut_across_token_borders(string stop, string expected)
    {
        var usages = new List<long?>();
        foreach (var mode in new[] { DecodingMode.Autoregressive, DecodingMode.SelfSpeculative })
        {
            var updates = await parser.Client.Updates(Utterance, new ChatOptions { StopSequences = ["unused", stop] }.WithDecodingMode(mode));

            Assert.Equal(expected, string.Concat(updates.Select(update => update.Text)));
            Assert.Equal(ChatFinishReason.Stop, updates[^2].FinishReason);
            usages.Add(updates.ToChatResponse().Usage!.OutputTokenCount);
        }

        Assert.Equal(usages[0], usages[1]);
    }

    [Theory]
    [InlineData(" alex")] // both stand within a draft: what comes behind is accepted, and not let through
    [InlineData(" home")]
    [InlineData("never")]
    public async Task Accepted_are_the_drafted_tokens_that_a_stop_sequence_lets_through(string stop)
    {
        var options = new ChatOptions { StopSequences = [stop] }.WithDecodingMode(DecodingMode.SelfSpeculative).WithExitLayer(6).WithNumSpeculations(6);

        var content = (await parser.Client.Updates(Utterance, options)).SelectMany(update => update.Contents).OfType<UsageContent>().Single();

        var (usage, statistics) = (content.Details, (GenerationStatistics)content.RawRepresentation!);
        var accepted = usage.AdditionalCounts!["OutputTokenDetails.AcceptedPredictionTokenCount"];
        Assert.Equal(statistics.Drafted, usage.AdditionalCounts["LayerSkip.DraftTokenCount"]);
        Assert.Equal(statistics.Drafted, accepted + usage.AdditionalCounts["OutputTokenDetails.RejectedPredictionTokenCount"]);
        if (stop == "never")
        {
            Assert.Equal(statistics.Accepted, accepted);
        }
        else
        {
            Assert.InRange(accepted, 1, Math.Min(usage.OutputTokenCount!.Value, statistics.Accepted - 1));
        }
    }

    [Fact]
    public async Task Stop_sequence_that_spells_a_special_token_is_honoured()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);
        var options = new ChatOptions
        {
            StopSequences = ["<|end|>"],
            RawRepresentationFactory = _ => new DecodingOptions { LogitsProcessors = [new Only(2303)] },
        };

        var response = await client.GetResponseAsync(TestModels.User("x"), options);

        Assert.Equal((ChatFinishReason.Stop, 1), (response.FinishReason, response.Usage!.OutputTokenCount));
    }

    [Fact]
    public async Task Token_limit_and_context_end_are_length()
    {
        using var checkpoint = TestModels.WriteEndless(maxPositions: 40);
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);

        var limited = await client.GetResponseAsync(TestModels.User("x"), new ChatOptions { MaxOutputTokens = 7 });
        var full = await client.GetResponseAsync(TestModels.User("x"));

        Assert.Equal((ChatFinishReason.Length, 7), (limited.FinishReason, limited.Usage!.OutputTokenCount));
        Assert.Equal((ChatFinishReason.Length, 40), (full.FinishReason, full.Usage!.TotalTokenCount));
    }

    [Fact]
    public async Task Checkpoint_without_layerskip_defaults_decodes_autoregressively_unless_asked()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);
        var options = new ChatOptions { MaxOutputTokens = 30 };

        var plain = await client.GetResponseAsync(TestModels.User("x"), options);
        var drafted = await client.GetResponseAsync(TestModels.User("x"), options.WithExitLayer(2));

        Assert.Equal("autoregressive", plain.AdditionalProperties!["decoding_mode"]);
        Assert.Equal("self-speculative", drafted.AdditionalProperties!["decoding_mode"]);
        Assert.Equal(0, plain.Usage!.AdditionalCounts!["LayerSkip.VerificationCount"]);
        Assert.NotEqual(0, drafted.Usage!.AdditionalCounts!["LayerSkip.VerificationCount"]);
        Assert.Equal(plain.Text, drafted.Text);
    }

    [Fact]
    public async Task Seed_reproduces_a_sampled_answer_and_zero_temperature_is_greedy()
    {
        using var checkpoint = TestModels.WriteEndless(generation: new GenerationDefaults { Sample = true, Temperature = 1.2f, TopK = 50 });
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);
        ChatOptions Options(long? seed, float? temperature = null) => new() { Seed = seed, Temperature = temperature, MaxOutputTokens = 40 };

        // The two seeds differ in their upper 32 bits alone.
        var first = await client.Answer("x", Options(1));
        Assert.Equal(first, await client.Answer("x", Options(1)));
        Assert.NotEqual(first, await client.Answer("x", Options(1 + (1L << 40))));
        Assert.NotEqual(first, await client.Answer("x", Options(null)));
        Assert.Equal(await client.Answer("x", Options(1, temperature: 0)), await client.Answer("x", Options(2, temperature: 0)));
        Assert.Equal(await client.Answer("x", Options(1, temperature: 0)), await client.Answer("x", new ChatOptions { TopP = 0, MaxOutputTokens = 40 }));
    }

    [Fact]
    public async Task Penalties_do_not_count_the_conversation()
    {
        // As many ends of turns, and all letters of the answer, stand in the prompt.
        using var client = new LayerSkipChatClient(new LayerSkipEngine(ScriptedModel.Create("Yes."), ownsModel: true), ownsEngine: true);
        List<ChatMessage> messages = [];
        for (var turn = 0; turn < 6; turn++)
        {
            messages.AddRange([new(ChatRole.User, "Yes or no?"), new(ChatRole.Assistant, "Yes.")]);
        }

        messages.Add(new(ChatRole.User, "And now?"));
        var response = await client.GetResponseAsync(messages, new() { FrequencyPenalty = 8, PresencePenalty = 8, MaxOutputTokens = 40 });
        Assert.Equal(("Yes.", ChatFinishReason.Stop), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task Penalties_change_what_is_repeated()
    {
        var options = new ChatOptions { PresencePenalty = 100, MaxOutputTokens = 20 };
        var answer = await parser.Client.Answer(Utterance, options);

        // What stands in the prompt alone is copied, but no slot is closed like the one before.
        Assert.StartsWith(" [IN:SEND_MESSAGE [SL:RECIPIENT alex ]", answer);
        Assert.Single(answer, letter => letter == ']');
    }

    [Theory]
    [InlineData("Hello.\nuser: And now?", "Hello.")]
    [InlineData("Hello.\nsystem: x", "Hello.")]
    [InlineData("Hello.\ntool: x", "Hello.")]
    [InlineData("Hello, user: you\nusers", "Hello, user: you\nusers")]
    public async Task Checkpoint_without_a_template_speaks_for_itself_alone(string written, string expected)
    {
        using var plain = new LayerSkipChatClient(new LayerSkipEngine(ScriptedModel.Create(written), ownsModel: true), ownsEngine: true);
        using var own = new LayerSkipChatClient(
            new LayerSkipEngine(ScriptedModel.Create(written), ownsModel: true), ChatTemplate.Parse("{{ messages[0].content }}"), ownsEngine: true);

        Assert.Equal((expected, written), (await plain.Answer("x"), await own.Answer("x")));
    }

    [Fact]
    public void Checkpoint_without_a_template_is_warned_of_once()
    {
        using var checkpoint = TestModels.WriteEndless();
        var log = new Requests.LogRecorder<LayerSkipChatClient>();
        foreach (var path in (string[])[checkpoint.Directory, TestModels.ParserPath])
        {
            LayerSkipChatClient.Load(new LayerSkipOptions { ModelPath = path }, log).Dispose();
        }

        Assert.Contains("has no chat template", Assert.Single(log.Entries, entry => entry.Level == Microsoft.Extensions.Logging.LogLevel.Warning).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancellation_ends_the_stream_with_an_exception_and_frees_the_cache()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);
        using var cancellation = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in client.GetStreamingResponseAsync(TestModels.User("x"), cancellationToken: cancellation.Token))
            {
                cancellation.Cancel();
            }
        });

        Assert.Equal(0, client.Engine().KvBytesInUse);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetResponseAsync(TestModels.User("x"), cancellationToken: cancellation.Token));
        Assert.Equal(5, (await client.GetResponseAsync(TestModels.User("x"), new ChatOptions { MaxOutputTokens = 5 })).Usage!.OutputTokenCount);
    }

    [Fact]
    public async Task Cancellation_is_seen_though_all_tokens_are_decoded()
    {
        using var cancellation = new CancellationTokenSource();
        var stream = parser.Client.GetStreamingResponseAsync(
            TestModels.User(Utterance), new ChatOptions().WithDecodingMode(DecodingMode.Autoregressive), cancellation.Token);
        await using var updates = stream.GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await updates.MoveNextAsync());
        while (parser.Client.Engine().KvBytesInUse > 0)
        {
            await Task.Delay(1);
        }

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await updates.MoveNextAsync());
    }

    [Fact]
    public async Task Abandoned_stream_frees_the_cache()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);

        await foreach (var update in client.GetStreamingResponseAsync(TestModels.User("x")))
        {
            Assert.NotEqual(0, client.Engine().KvBytesInUse);
            break;
        }

        Assert.Equal(0, client.Engine().KvBytesInUse);
    }

    [Fact]
    public async Task Stop_sequence_ends_the_engines_work()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);
        var start = await client.Answer("x", new ChatOptions { MaxOutputTokens = 30 });

        // Without a limit this ends only if the stop sequence ends the engine's work, too.
        var response = await client.GetResponseAsync(TestModels.User("x"), new ChatOptions { StopSequences = [start[^6..^2]] });

        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.InRange(response.Usage!.OutputTokenCount!.Value, 1, 30);
        Assert.InRange(response.Usage.AdditionalCounts!["LayerSkip.LayersExecuted"], 1, 90_000 * 4);
        Assert.Equal(0, client.Engine().KvBytesInUse);
    }

    [Fact]
    public async Task Failing_request_leaves_the_client_usable()
    {
        var options = new ChatOptions { RawRepresentationFactory = _ => new DecodingOptions { LogitsProcessors = [new Only(-1)] } };

        await Assert.ThrowsAsync<InvalidOperationException>(() => parser.Client.GetResponseAsync(TestModels.User("x"), options));

        Assert.Equal(Parse, await parser.Client.Answer(Utterance));
    }

    [Fact]
    public void Services_are_those_of_the_contract()
    {
        var client = parser.Client;
        var metadata = Assert.IsType<ChatClientMetadata>(client.GetService(typeof(ChatClientMetadata)));
        Assert.Equal(("layerskip", null, "topv2-parser"), (metadata.ProviderName, metadata.ProviderUri, metadata.DefaultModelId));
        Assert.Same(metadata, client.GetService(typeof(ChatClientMetadata)));
        Assert.IsType<LayerSkipEngine>(client.GetService(typeof(LayerSkipEngine)));
        Assert.IsType<LayerSkipModel>(client.GetService(typeof(LayerSkipModel)));
        Assert.IsType<Tokenizer>(client.GetService(typeof(Tokenizer)));
        Assert.IsType<ChatTemplate>(client.GetService(typeof(ChatTemplate)));
        Assert.Same(client, client.GetService(typeof(LayerSkipChatClient)));
        Assert.Same(client, client.GetService(typeof(IChatClient)));
        Assert.Null(client.GetService(typeof(string)));
        Assert.Null(client.GetService(typeof(LayerSkipChatClient), "key"));
        Assert.Throws<ArgumentNullException>(() => client.GetService(null!));
    }

    [Fact]
    public async Task Disposing_is_idempotent_and_disposes_what_is_owned()
    {
        var owner = TestModels.LoadParser();
        var engine = owner.Engine();
        var guest = new LayerSkipChatClient(engine, ChatTemplate.LoadFrom(TestModels.ParserPath));
        guest.Dispose();
        Assert.Throws<ObjectDisposedException>(() => guest.GetStreamingResponseAsync(TestModels.User("x")));
        Assert.Equal(Parse, await owner.Answer(Utterance));

        var stream = owner.GetStreamingResponseAsync(TestModels.User("x"));
        owner.Dispose();
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = owner.GetResponseAsync(TestModels.User("x")); });
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.ToChatResponseAsync());
        Assert.Throws<ObjectDisposedException>(() => engine.Generate([1]));
    }

    [Fact]
    public async Task Requests_that_run_end_with_the_engine_and_outlive_a_client_that_borrows_it()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var owner = LayerSkipChatClient.Load(checkpoint.Directory);
        var guest = new LayerSkipChatClient(owner.Engine());
        await using var endless = owner.GetStreamingResponseAsync(TestModels.User("x")).GetAsyncEnumerator();
        await using var borrowed = guest.GetStreamingResponseAsync(TestModels.User("x"), new() { MaxOutputTokens = 200 }).GetAsyncEnumerator();
        Assert.True(await endless.MoveNextAsync());
        Assert.True(await borrowed.MoveNextAsync());

        guest.Dispose();
        ChatFinishReason? reason = null;
        while (await borrowed.MoveNextAsync())
        {
            reason ??= borrowed.Current.FinishReason;
        }

        Assert.Equal(ChatFinishReason.Length, reason);
        owner.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            while (await endless.MoveNextAsync())
            {
            }
        });
    }

    [Fact]
    public void Exit_layer_beyond_the_depth_fails_at_creation()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(
            () => LayerSkipChatClient.Load(new LayerSkipOptions { ModelPath = TestModels.ParserPath, ExitLayer = 13 }));
        Assert.Contains("ExitLayer must lie in 1..11, with coarse DraftWeights in 1..12", error.Message);
    }

    [Fact]
    public async Task Options_outside_their_ranges_fail_before_anything_is_loaded()
    {
        // Nothing is there to load: whoever looked would say so instead.
        var options = new LayerSkipOptions
        {
            ModelPath = "/nowhere/at/all", TopP = 2, Temperature = -1, MaxOutputTokens = 0, ExitLayer = 0,
            UnsupportedOptions = (UnsupportedOptionBehavior)99, ToolCallFormat = (ToolCallFormat)99,
        };
        var error = Assert.Throws<ArgumentException>(nameof(options), () => LayerSkipChatClient.Load(options));
        foreach (var named in new[] { "TopP is 2", "Temperature is -1", "MaxOutputTokens is 0", "ExitLayer is 0", "UnsupportedOptions is 99", "ToolCallFormat is 99" })
        {
            Assert.Contains($"LayerSkipOptions.{named}, expected", error.Message);
        }

        Assert.Equal(error.Message, (await Assert.ThrowsAsync<ArgumentException>(nameof(options), () => LayerSkipChatClient.LoadAsync(options))).Message);
        Assert.Contains("LayerSkipOptions.ModelPath is empty", Assert.Throws<ArgumentException>(() => LayerSkipChatClient.Load("")).Message);
        Assert.Throws<CheckpointException>(() => LayerSkipChatClient.Load("/nowhere/at/all"));
    }

    [Fact]
    public void Options_of_a_client_on_an_engine_are_checked_as_its_user_knows_them()
    {
        Assert.Contains("LayerSkipOptions.MaxOutputTokens is 0, expected null or at least 1.", Refusal(new() { MaxOutputTokens = 0 }));
        Assert.Contains("LayerSkipOptions.UnsupportedOptions is 99", Refusal(new() { UnsupportedOptions = (UnsupportedOptionBehavior)99 }));
        Assert.Contains("LayerSkipOptions.ToolCallFormat is 99", Refusal(new() { ToolCallFormat = (ToolCallFormat)99 }));

        // What is of loading is not used, and so not looked at.
        new LayerSkipChatClient(parser.Client.Engine(), options: new() { Device = "gpu", MaxConcurrentRequests = 0 }).Dispose();

        string Refusal(LayerSkipOptions options) =>
            Assert.Throws<ArgumentException>(nameof(options), () => new LayerSkipChatClient(parser.Client.Engine(), options: options)).Message;
    }

    [Fact]
    public void Model_without_a_tokenizer_is_refused()
    {
        using var weights = new RandomWeightSource(TinyCheckpoint.DefaultConfig, 1, TensorDataType.F32);
        using var engine = new LayerSkipEngine(LayerSkipModel.FromWeights("synthetic", TinyCheckpoint.DefaultConfig, weights), ownsModel: true);
        Assert.Throws<InvalidOperationException>(() => new LayerSkipChatClient(engine));
    }

    /// <summary>Bans every token but one; or, with an id that there is not, all.</summary>
    private sealed class Only(int id) : LayerSkip.Engine.Sampling.ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            for (var i = 0; i < logits.Length; i++)
            {
                logits[i] = i == id ? 0 : float.NegativeInfinity;
            }
        }
    }
}
