using LayerSkip.AI.Tests.Hosting;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI.Tests;

public class LayerSkipServiceCollectionExtensionsTests
{
    [Fact]
    public async Task Host_serves_one_model_as_every_service()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = TestModels.ParserPath);
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        var client = host.Services.GetRequiredService<IChatClient>();

        Assert.Equal(" [IN:SILENCE_ALARM ]", await client.Answer("Turn off alarms"));
        Assert.Same(client, host.Services.GetRequiredService<LayerSkipChatClient>());
        Assert.Same(client.Engine(), host.Services.GetRequiredService<LayerSkipEngine>());
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Keyed_models_stand_side_by_side_and_are_disposed_with_the_container()
    {
        using var checkpoint = TestModels.WriteEndless();
        LayerSkipEngine parser;
        LayerSkipEngine endless;
        IChatClient client;
        await using (var services = new ServiceCollection()
            .AddLogging()
            .AddLayerSkipChatClient(options => options.ModelPath = TestModels.ParserPath, "parser")
            .AddLayerSkipChatClient(
                options =>
                {
                    options.ModelPath = checkpoint.Directory;
                    options.MaxOutputTokens = 5;
                },
                "endless")
            .BuildServiceProvider())
        {
            client = services.GetRequiredKeyedService<IChatClient>("endless");
            parser = services.GetRequiredKeyedService<LayerSkipEngine>("parser");
            endless = services.GetRequiredKeyedService<LayerSkipEngine>("endless");

            Assert.Equal(" [IN:SILENCE_ALARM ]", await services.GetRequiredKeyedService<IChatClient>("parser").Answer("Turn off alarms"));
            Assert.Equal(5, (await client.GetResponseAsync(TestModels.User("x"))).Usage!.OutputTokenCount);
            Assert.Same(services.GetRequiredKeyedService<LayerSkipChatClient>("endless"), client);
            Assert.Same(endless, client.Engine());
            Assert.NotSame(parser, endless);
            Assert.Null(services.GetService<IChatClient>());
        }

        Assert.Throws<ObjectDisposedException>(() => parser.Generate([1]));
        Assert.Throws<ObjectDisposedException>(() => endless.Generate([1]));
        Assert.Throws<ObjectDisposedException>(() => client.GetStreamingResponseAsync(TestModels.User("x")));
    }

    [Fact]
    public void Configuration_binds_every_option()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["LayerSkip:ModelPath"] = TestModels.ParserPath,
            ["LayerSkip:Device"] = "cpu",
            ["LayerSkip:Threads"] = "2",
            ["LayerSkip:WeightFormat"] = "F32",
            ["LayerSkip:Compression"] = "never",
            ["LayerSkip:Mode"] = "selfspeculative",
            ["LayerSkip:ExitLayer"] = "3",
            ["LayerSkip:NumSpeculations"] = "6",
            ["LayerSkip:DraftController"] = "confidence",
            ["LayerSkip:DraftThreshold"] = "0.25",
            ["LayerSkip:DraftSource"] = "combined",
            ["LayerSkip:DraftWeights"] = "int4",
            ["LayerSkip:MaxOutputTokens"] = "50",
            ["LayerSkip:Temperature"] = "0.5",
            ["LayerSkip:TopK"] = "7",
            ["LayerSkip:TopP"] = "0.9",
            ["LayerSkip:ToolCallFormat"] = "HERMES",
            ["LayerSkip:EmbeddingLayer"] = "4",
            ["LayerSkip:DescribeResponseFormat"] = "false",
            ["LayerSkip:AllowControlTokensInMessages"] = "true",
            ["LayerSkip:StopHostOnLoadFailure"] = "true",
            ["LayerSkip:UnsupportedOptions"] = "Throw",
            ["LayerSkip:MaxConcurrentRequests"] = "4",
            ["LayerSkip:MaxQueuedRequests"] = "0",
            ["LayerSkip:KvCacheBudget"] = "9000000000",
            ["LayerSkip:IdleKvCacheBudget"] = "0",
        }).Build();
        using var services = new ServiceCollection().AddLayerSkipChatClient(configuration.GetSection("LayerSkip")).BuildServiceProvider();

        var options = services.GetRequiredService<IOptions<LayerSkipOptions>>().Value;

        Assert.Equal(
            typeof(LayerSkipOptions).GetProperties().Select(property => property.Name).Order(StringComparer.Ordinal),
            configuration.GetSection("LayerSkip").GetChildren().Select(entry => entry.Key).Order(StringComparer.Ordinal));
        Assert.Equal((TestModels.ParserPath, "cpu", 2, WeightFormat.F32), (options.ModelPath, options.Device, options.Threads, options.WeightFormat));
        Assert.Equal(WeightCompression.Never, options.Compression);
        Assert.Equal((DecodingMode.SelfSpeculative, 3, 6, 50), (options.Mode, options.ExitLayer, options.NumSpeculations, options.MaxOutputTokens));
        Assert.Equal(
            (DraftController.Confidence, 0.25f, DraftSource.Combined, DraftWeights.Int4),
            (options.DraftController, options.DraftThreshold, options.DraftSource, options.DraftWeights));
        Assert.Equal((0.5f, 7, 0.9f, UnsupportedOptionBehavior.Throw), (options.Temperature, options.TopK, options.TopP, options.UnsupportedOptions));
        Assert.Equal((ToolCallFormat.Hermes, 4, false), (options.ToolCallFormat, options.EmbeddingLayer, options.DescribeResponseFormat));
        Assert.Equal((true, true), (options.AllowControlTokensInMessages, options.StopHostOnLoadFailure));
        Assert.Equal((4, 0, 9_000_000_000, 0L), (options.MaxConcurrentRequests, options.MaxQueuedRequests, options.KvCacheBudget, options.IdleKvCacheBudget));
    }

    [Fact]
    public async Task Wrong_options_fail_the_hosts_start()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = "nowhere", "small");
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.Contains($"LayerSkipOptions.ModelPath of 'small' is 'nowhere' ({Path.GetFullPath("nowhere")}), which does not exist", error.Message);
    }

    [Fact]
    public async Task Mistyped_configuration_fails_the_hosts_start()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new("LayerSkip:ModelPath", TestModels.ParserPath), new("LayerSkip:MaxTokens", "3")]);
        builder.Services.AddLayerSkipChatClient(builder.Configuration.GetSection("LayerSkip"));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.Contains("The configuration has 'LayerSkip:MaxTokens', expected one of ", error.Message);
        Assert.Contains("MaxOutputTokens", error.Message);
    }

    [Fact]
    public async Task All_that_is_wrong_comes_at_once()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([
            new("LayerSkip:ModelPath", "nowhere"), new("LayerSkip:MaxTokens", "3"), new("LayerSkip:Threads", "many"), new("LayerSkip:TopP", "7")]);
        builder.Services.AddLayerSkipChatClient(builder.Configuration.GetSection("LayerSkip"));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.Equal(4, error.Failures.Count());
        foreach (var named in new[] { "LayerSkip:MaxTokens", "LayerSkip:Threads", "ModelPath is 'nowhere'", "TopP is 7" })
        {
            Assert.Contains(named, error.Message);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Generator_and_client_of_two_models_need_two_service_ids(bool generatorFirst)
    {
        using var checkpoint = TestModels.WriteEndless();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new("Embed:ModelPath", checkpoint.Directory), new("Embed:EmbeddingLayer", "2")]);
        if (generatorFirst)
        {
            builder.Services.AddLayerSkipEmbeddingGenerator(builder.Configuration.GetSection("Embed"));
        }

        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = TestModels.ParserPath);
        if (!generatorFirst)
        {
            builder.Services.AddLayerSkipEmbeddingGenerator(builder.Configuration.GetSection("Embed"));
        }

        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains($"'{TestModels.ParserPath}' for the chat client and '{checkpoint.Directory}' for the embedding generator", error.Message);
    }

    [Fact]
    public void Generator_and_client_of_one_model_share_their_options()
    {
        using var services = new ServiceCollection()
            .AddLayerSkipChatClient(options => (options.ModelPath, options.MaxOutputTokens) = (TestModels.ParserPath, 9))
            .AddLayerSkipEmbeddingGenerator(options => (options.ModelPath, options.EmbeddingLayer) = (TestModels.ParserPath + "/", 2))
            .BuildServiceProvider();

        var options = services.GetRequiredService<IOptions<LayerSkipOptions>>().Value;

        Assert.Equal((9, 2), (options.MaxOutputTokens, options.EmbeddingLayer));
    }

    [Fact]
    public async Task What_only_the_model_shows_to_be_wrong_is_what_its_requests_report()
    {
        await using var services = new ServiceCollection()
            .AddLayerSkipChatClient(options => (options.ModelPath, options.ExitLayer) = (TestModels.ParserPath, 40))
            .BuildServiceProvider();

        var client = services.GetRequiredService<IChatClient>();

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => client.Answer("x"));
        Assert.Contains("'topv2-parser' could not be loaded: ExitLayer must lie in 1..11, with coarse DraftWeights in 1..12: the model has 12 layers", error.Message);
        Assert.IsType<ArgumentOutOfRangeException>(error.InnerException);
        Assert.Throws<InvalidOperationException>(() => services.GetRequiredService<LayerSkipEngine>());
    }

    [Fact]
    public async Task Host_loads_its_models_without_being_asked()
    {
        using var checkpoint = TestModels.WriteEndless();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services
            .AddLayerSkipChatClient(options => options.ModelPath = TestModels.ParserPath)
            .AddLayerSkipChatClient(options => options.ModelPath = checkpoint.Directory, "endless");
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        var loaders = new[]
        {
            host.Services.GetRequiredService<LayerSkipModelLoader>(),
            host.Services.GetRequiredKeyedService<LayerSkipModelLoader>("endless"),
        };

        // Nothing here asks a loader to start.
        Assert.True(SpinWait.SpinUntil(() => loaders.All(loader => loader.State == LayerSkipLoadState.Ready), TimeSpan.FromMinutes(5)));
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Damaged_weights_fail_the_load_and_the_health_check()
    {
        using var damaged = TestModels.WriteEndless();
        damaged.Damage(damaged.Config.VocabularySize * damaged.Config.HiddenSize);
        var services = new ServiceCollection().AddLogging();
        services.AddLayerSkipChatClient(options => options.ModelPath = damaged.Directory);
        services.AddHealthChecks().AddLayerSkip();
        await using var provider = services.BuildServiceProvider();

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => provider.GetRequiredService<LayerSkipModelLoader>().WaitAsync(TestContext.Current.CancellationToken));

        Assert.Contains("the weights are damaged", error.Message, StringComparison.Ordinal);
        var health = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HealthStatus.Unhealthy, health.Status);
    }

    [Fact]
    public async Task Host_outlives_a_failed_load_unless_told_otherwise()
    {
        using var damaged = TestModels.WriteEndless();
        File.WriteAllText(damaged.PathOf("tokenizer.json"), "{");
        foreach (var stop in new[] { false, true })
        {
            var log = new LogRecords();
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.Logging.AddProvider(log);
            builder.Services.AddSingleton<TimeProvider>(new StandingTime()); // so that the load is not tried again
            builder.Services.AddLayerSkipChatClient(options => (options.ModelPath, options.StopHostOnLoadFailure) = (damaged.Directory, stop));
            using var host = builder.Build();
            await host.StartAsync(TestContext.Current.CancellationToken);
            var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;

            var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.Services.GetRequiredService<IChatClient>().Answer("x"));

            Assert.Contains("tokenizer.json", error.Message);
            if (stop)
            {
                Assert.True(stopping.WaitHandle.WaitOne(TimeSpan.FromMinutes(5)));
            }

            Assert.Equal(stop, stopping.IsCancellationRequested);
            Assert.Single(log.Of(13));
            await host.StopAsync(TestContext.Current.CancellationToken);
            Assert.Equal(stop ? 1 : 0, Environment.ExitCode);
            Environment.ExitCode = 0; // the test process's own
        }
    }

    [Fact]
    public async Task Client_registered_twice_is_one_model()
    {
        await using var services = new ServiceCollection()
            .AddLayerSkipChatClient(options => options.ModelPath = "nowhere")
            .AddLayerSkipChatClient(options => options.ModelPath = TestModels.ParserPath)
            .BuildServiceProvider();

        Assert.Single(services.GetServices<IHostedService>());
        Assert.Single(services.GetServices<LayerSkipModelLoader>());
        Assert.Equal(" [IN:SILENCE_ALARM ]", await services.GetRequiredService<IChatClient>().Answer("Turn off alarms"));
    }

    [Fact]
    public void Empty_key_is_refused() =>
        Assert.Throws<ArgumentException>("serviceId", () => new ServiceCollection().AddLayerSkipChatClient(_ => { }, ""));
}
