using System.Diagnostics.Metrics;
using LayerSkip.AI.Tests.Hosting;
using LayerSkip.AI.Tests.Telemetry;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Tests.Embeddings;

public sealed class LayerSkipEmbeddingGeneratorTests(LayerSkipEmbeddingGeneratorTests.Parser parser) : IClassFixture<LayerSkipEmbeddingGeneratorTests.Parser>
{
    private static readonly string[] s_texts =
    [
        "wake me up at 7 am", "set an alarm for 6:30 tomorrow", "turn off alarms", "message alex to see if she made it home", "x",
        "text mom that i am late", "<|end|> is only text here 🦀", string.Join(' ', Enumerable.Repeat("concerts this weekend", 40)),
    ];

    /// <summary>One parser for all tests of the class.</summary>
    public sealed class Parser : IDisposable
    {
        public LayerSkipEngine Engine { get; } = new(LayerSkipModel.Load(TestModels.ParserPath), ownsModel: true);

        public LayerSkipEmbeddingGenerator Generator => field ??= new(Engine);

        public void Dispose()
        {
            Generator.Dispose();
            Engine.Dispose();
        }
    }

    [Fact]
    public async Task Embeddings_have_the_contracts_shape()
    {
        var before = DateTimeOffset.UtcNow;

        var embeddings = await parser.Generator.GenerateAsync(s_texts);

        Assert.Equal(s_texts.Length, embeddings.Count);
        var metadata = (EmbeddingGeneratorMetadata)parser.Generator.GetService(typeof(EmbeddingGeneratorMetadata))!;
        Assert.Equal(("layerskip", null, "topv2-parser"), (metadata.ProviderName, metadata.ProviderUri, metadata.DefaultModelId));
        Assert.All(embeddings, embedding =>
        {
            Assert.Equal(metadata.DefaultModelId, embedding.ModelId);
            Assert.Equal(metadata.DefaultModelDimensions, embedding.Dimensions);
            Assert.InRange(embedding.CreatedAt!.Value, before, DateTimeOffset.UtcNow);
            Assert.Equal(1, Dot(embedding, embedding), 1e-5);
        });
        var tokens = s_texts.Sum(text => parser.Engine.Model.Tokenizer.Encode(text, addSpecialTokens: true, AddedTokenMatching.None).Length);
        Assert.Equal((tokens, tokens), (embeddings.Usage!.InputTokenCount, embeddings.Usage.TotalTokenCount));
    }

    [Fact]
    public async Task Embedding_is_the_same_bits_in_every_batch_and_with_every_number_of_threads()
    {
        var alone = new List<float[]>();
        foreach (var text in s_texts)
        {
            alone.Add((await parser.Generator.GenerateVectorAsync(text)).ToArray());
        }

        Assert.Equal(alone, (await parser.Generator.GenerateAsync(s_texts)).Select(embedding => embedding.Vector.ToArray()));

        // More texts than one piece holds, from several callers at once, with other threads.
        using var engine = new LayerSkipEngine(LayerSkipModel.Load(TestModels.ParserPath, new ModelOptions { Threads = 1 }), ownsModel: true);
        using var single = new LayerSkipEmbeddingGenerator(engine);
        var many = Enumerable.Range(0, 300).Select(i => s_texts[i % s_texts.Length]).ToArray();
        var results = await Task.WhenAll(single.GenerateAsync(many), single.GenerateAsync(many.Reverse()), single.GenerateAsync(s_texts));
        Assert.Equal(many.Select((_, i) => alone[i % s_texts.Length]), results[0].Select(embedding => embedding.Vector.ToArray()));
        Assert.Equal(results[0].Select(embedding => embedding.Vector.ToArray()).Reverse(), results[1].Select(embedding => embedding.Vector.ToArray()));
        Assert.Equal(alone, results[2].Select(embedding => embedding.Vector.ToArray()));
    }

    [Fact]
    public async Task Request_that_was_taken_on_is_not_refused_later()
    {
        using var engine = new LayerSkipEngine(
            LayerSkipModel.Load(TestModels.ParserPath), ownsModel: true, new EngineOptions { MaxConcurrentRequests = 1, MaxQueuedRequests = 0 });
        using var generator = new LayerSkipEmbeddingGenerator(engine);
        var texts = Enumerable.Repeat("x", 5000).ToArray();

        var embedding = generator.GenerateAsync(texts);
        while (engine.RunningRequests + engine.QueuedRequests == 0 && !embedding.IsCompleted)
        {
            await Task.Yield();
        }

        // Others who insist are let in wherever the place is given up, of which there are dozens of occasions.
        var others = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!embedding.IsCompleted)
            {
                try
                {
                    await engine.Generate([1], new DecodingOptions { MaxNewTokens = 1 }).DisposeAsync();
                }
                catch (RequestQueueFullException)
                {
                }
            }
        })).ToArray();

        Assert.Equal(texts.Length, (await embedding).Count);
        await Task.WhenAll(others);
        Assert.Equal(0, engine.RunningRequests + engine.QueuedRequests);
    }

    [Fact]
    public async Task Nearest_text_is_the_one_that_says_the_same()
    {
        string[] pairs =
        [
            "turn off alarms", "turn off the alarm",
            "any concerts this weekend", "any good concerts this weekend",
            "message alex that i am late", "send alex a message that i am late",
        ];
        var embeddings = await parser.Generator.GenerateAsync(pairs);

        for (var i = 0; i < pairs.Length; i++)
        {
            Assert.Equal(i ^ 1, Enumerable.Range(0, pairs.Length).Where(j => j != i).MaxBy(j => Dot(embeddings[i], embeddings[j])));
        }
    }

    [Fact]
    public async Task Nearest_utterance_mostly_has_the_same_intent()
    {
        var rows = Directory.GetFiles(SharedData.Require("topv2"), "*_eval.tsv").Order()
            .SelectMany(file => File.ReadLines(file).Skip(1).Take(60))
            .Select(line => line.Split('\t'))
            .Select(cells => (Utterance: cells[1], Intent: cells[2].Split(' ')[0])).ToArray();
        var embeddings = await parser.Generator.GenerateAsync(rows.Select(row => row.Utterance));

        var same = Enumerable.Range(0, rows.Length).Count(i =>
            rows[Enumerable.Range(0, rows.Length).Where(j => j != i).MaxBy(j => Dot(embeddings[i], embeddings[j]))].Intent == rows[i].Intent);

        // Drawn blindly, it is hardly one in ten.
        Assert.InRange(same, rows.Length * 6 / 10, rows.Length);
    }

    [Fact]
    public async Task Layer_is_chosen_by_option()
    {
        using var middle = new LayerSkipEmbeddingGenerator(parser.Engine, new LayerSkipOptions { EmbeddingLayer = 6 });
        using var last = new LayerSkipEmbeddingGenerator(parser.Engine, new LayerSkipOptions { EmbeddingLayer = 12 });

        var expected = (await parser.Generator.GenerateVectorAsync("wake me up")).ToArray();
        Assert.Equal(expected, (await middle.GenerateVectorAsync("wake me up")).ToArray());
        Assert.NotEqual(expected, (await last.GenerateVectorAsync("wake me up")).ToArray());
        foreach (var layer in new[] { 0, 13 })
        {
            var error = Assert.Throws<ArgumentOutOfRangeException>(
                () => new LayerSkipEmbeddingGenerator(parser.Engine, new LayerSkipOptions { EmbeddingLayer = layer }));
            Assert.Contains("EmbeddingLayer must lie in 1..12: the model has 12 layers.", error.Message);
        }
    }

    [Fact]
    public async Task Fewer_dimensions_are_the_first_ones_at_length_one()
    {
        var whole = (await parser.Generator.GenerateVectorAsync("wake me up")).ToArray();
        var embedding = Assert.Single(await parser.Generator.GenerateAsync(["wake me up"], new() { Dimensions = 16 }));

        Assert.Equal(16, embedding.Dimensions);
        Assert.Equal(1, Dot(embedding, embedding), 1e-5);
        var ratio = whole[0] / embedding.Vector.Span[0];
        Assert.All(Enumerable.Range(0, 16), i => Assert.Equal(whole[i], embedding.Vector.Span[i] * ratio, 1e-5));
    }

    [Fact]
    public async Task Wrong_requests_are_refused_clearly()
    {
        var generator = parser.Generator;
        Assert.Throws<ArgumentNullException>("values", () => { _ = generator.GenerateAsync(null!); });
        Assert.StartsWith("Value 1 is null.", Assert.Throws<ArgumentException>("values", () => { _ = generator.GenerateAsync(["a", null!]); }).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = generator.GenerateAsync(["a"], new() { Dimensions = 0 }); });
        Assert.Contains("'other'", Assert.Throws<InvalidOperationException>(() => { _ = generator.GenerateAsync(["a"], new() { ModelId = "other" }); }).Message);
        Assert.Contains(
            "the model's hidden states have",
            (await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => generator.GenerateAsync(["a"], new() { Dimensions = 100_000 }))).Message);
        Assert.Matches(
            @"^Value 1 has \d+ tokens, expected 1 to 256, the model's context\.",
            (await Assert.ThrowsAsync<ArgumentException>("values", () => generator.GenerateAsync(["a", new string('x', 2000)]))).Message);
        Assert.StartsWith(
            "Value 0 has 0 tokens", (await Assert.ThrowsAsync<ArgumentException>("values", () => generator.GenerateAsync([""]))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => generator.GenerateAsync(["a"], cancellationToken: new CancellationToken(canceled: true)));

        var none = await generator.GenerateAsync([]);
        Assert.Empty(none);
        Assert.Equal((0, 0), (none.Usage!.InputTokenCount, none.Usage.TotalTokenCount));
    }

    [Fact]
    public async Task Values_are_enumerated_once_and_options_left_alone()
    {
        var enumerations = 0;
        IEnumerable<string> Values()
        {
            enumerations++;
            yield return "wake me up";
        }

        var options = new EmbeddingGenerationOptions { ModelId = "topv2-parser", Dimensions = 8, AdditionalProperties = new() { ["unknown"] = 1 } };
        await parser.Generator.GenerateAsync(Values(), options);

        Assert.Equal((1, "topv2-parser", 8, 1), (enumerations, options.ModelId, options.Dimensions, options.AdditionalProperties.Count));
    }

    [Fact]
    public void Services_are_found_by_type()
    {
        var generator = parser.Generator;
        Assert.Same(parser.Engine, generator.GetService(typeof(LayerSkipEngine)));
        Assert.Same(parser.Engine.Model, generator.GetService(typeof(LayerSkipModel)));
        Assert.Same(parser.Engine.Model.Tokenizer, generator.GetService(typeof(Tokenizer)));
        Assert.Same(generator, generator.GetService(typeof(IEmbeddingGenerator)));
        Assert.Same(generator.GetService(typeof(EmbeddingGeneratorMetadata)), generator.GetService(typeof(EmbeddingGeneratorMetadata)));
        Assert.Null(generator.GetService(typeof(LayerSkipEngine), "key"));
        Assert.Null(generator.GetService(typeof(string)));
    }

    [Fact]
    public async Task Texts_that_come_while_the_model_loads_wait_for_it()
    {
        using var loading = new GatedLoading();
        using var generator = new LayerSkipEmbeddingGenerator(loading.Loader);
        var metadata = (EmbeddingGeneratorMetadata)generator.GetService(typeof(EmbeddingGeneratorMetadata))!;
        Assert.Equal(("topv2-parser", null), (metadata.DefaultModelId, metadata.DefaultModelDimensions));

        var early = generator.GenerateVectorAsync("wake me up");
        await loading.Entered;
        Assert.False(early.IsCompleted);
        loading.Open();

        Assert.Equal((await parser.Generator.GenerateVectorAsync("wake me up")).ToArray(), (await early).ToArray());
        Assert.NotNull(((EmbeddingGeneratorMetadata)generator.GetService(typeof(EmbeddingGeneratorMetadata))!).DefaultModelDimensions);
    }

    [Fact]
    public async Task Container_runs_client_and_generator_on_one_model()
    {
        var section = new ConfigurationBuilder()
            .AddInMemoryCollection([new("E:ModelPath", TestModels.ParserPath), new("E:EmbeddingLayer", "3")]).Build().GetSection("E");
        await using var services = new ServiceCollection()
            .AddLayerSkipChatClient(options => options.ModelPath = TestModels.ParserPath).AddLayerSkipEmbeddingGenerator()
            .AddLayerSkipEmbeddingGenerator(section, "third")
            .AddLayerSkipEmbeddingGenerator(options => (options.ModelPath, options.EmbeddingLayer) = (TestModels.ParserPath, 40), "wrong")
            .BuildServiceProvider();

        var generator = services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

        Assert.Same(generator, services.GetRequiredService<LayerSkipEmbeddingGenerator>());
        Assert.Same(generator, services.GetRequiredService<IEmbeddingGenerator>());
        Assert.Same(services.GetRequiredService<LayerSkipEngine>(), generator.GetService(typeof(LayerSkipEngine)));
        Assert.Same(services.GetRequiredService<IChatClient>().Engine(), generator.GetService(typeof(LayerSkipEngine)));
        Assert.Equal(3, services.GetServices<IHostedService>().Count());
        Assert.Equal((await parser.Generator.GenerateVectorAsync("x")).ToArray(), (await generator.GenerateVectorAsync("x")).ToArray());

        var third = services.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("third");
        Assert.NotEqual((await generator.GenerateVectorAsync("x")).ToArray(), (await third.GenerateVectorAsync("x")).ToArray());

        var wrong = services.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("wrong");
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => wrong.GenerateAsync(["x"]));
        Assert.Contains("EmbeddingLayer must lie in 1..12", error.Message);
    }

    [Fact]
    public async Task Disposed_generator_refuses_and_leaves_a_borrowed_engine_alone()
    {
        var generator = new LayerSkipEmbeddingGenerator(parser.Engine);
        generator.Dispose();
        generator.Dispose();

        Assert.Throws<ObjectDisposedException>(() => { _ = generator.GenerateAsync(["x"]); });
        Assert.NotEmpty(await parser.Generator.GenerateAsync(["x"]));
    }

    [Fact]
    public async Task Requests_are_measured_and_logged()
    {
        var log = new LogRecords();
        await using var services = new ServiceCollection()
            .AddMetrics()
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log))
            .AddLayerSkipEmbeddingGenerator(options => options.ModelPath = TestModels.ParserPath)
            .BuildServiceProvider();
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());
        var generator = services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

        var usage = (await generator.GenerateAsync(s_texts)).Usage!;
        await Assert.ThrowsAsync<ArgumentException>(() => generator.GenerateAsync([""]));

        var tokens = measurements.Single("gen_ai.client.token.usage");
        Assert.Equal(usage.InputTokenCount, (long)tokens.Value);
        Assert.Equal(("input", "embeddings"), (tokens.Tags["gen_ai.token.type"], tokens.Tags["gen_ai.operation.name"]));
        Assert.Equal(2, measurements.Of("gen_ai.client.operation.duration", ("gen_ai.operation.name", "embeddings")).Count());
        measurements.Single("gen_ai.client.operation.duration", ("error.type", "System.ArgumentException"));
        Assert.Equal($"Embedded {s_texts.Length} texts of {usage.InputTokenCount} tokens with topv2-parser.", log.Of(30).Single().Message);
        Assert.Equal(LogLevel.Debug, Assert.Single(log.Of(25)).Level);
        Assert.Empty(log.Of(22));
    }

    private static double Dot(Embedding<float> a, Embedding<float> b) =>
        Enumerable.Range(0, a.Dimensions).Sum(i => (double)a.Vector.Span[i] * b.Vector.Span[i]);
}
