using LayerSkip.Engine.Checkpoints;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LayerSkip.AI.Tests.Hosting;

public class ModelHealthCheckTests
{
    [Fact]
    public async Task Model_is_degraded_until_it_is_loaded_and_healthy_then()
    {
        using var loading = new GatedLoading();

        var before = await Check(loading.Loader);
        Assert.Equal(HealthStatus.Degraded, before.Status);
        Assert.Equal(LayerSkipLoadState.NotStarted, loading.Loader.State);

        loading.Loader.Start();
        await loading.Entered;
        var during = await Check(loading.Loader);
        Assert.Equal((HealthStatus.Degraded, "topv2-parser is loading: 50 %."), (during.Status, during.Description));
        Assert.Equal(("topv2-parser", 0.5), (during.Data["model"], during.Data["progress"]));

        loading.Open();
        var engine = await loading.Loader.WaitAsync();
        var healthy = await Check(loading.Loader);
        Assert.Equal(HealthStatus.Healthy, healthy.Status);
        Assert.Equal($"topv2-parser on {engine.Model.Device}: 0 requests running, 0 waiting.", healthy.Description);
        Assert.Equal(("topv2-parser", engine.Model.Device, "BF16"), (healthy.Data["model"], healthy.Data["device"], healthy.Data["weight_format"]));
        Assert.Equal((engine.Model.WeightBytes, 0L), (healthy.Data["weight_bytes"], healthy.Data["kv_bytes"]));
        Assert.Equal(engine.KvCacheBudget, healthy.Data["kv_cache_budget"]);
        Assert.Equal((0, 0), (healthy.Data["running_requests"], healthy.Data["queued_requests"]));
    }

    [Theory]
    [InlineData(null, HealthStatus.Unhealthy)]
    [InlineData(HealthStatus.Degraded, HealthStatus.Degraded)]
    public async Task Failed_load_is_reported_with_its_reason(HealthStatus? asked, HealthStatus expected)
    {
        var cause = new CheckpointException("config.json: hidden_size is missing");
        using var loading = new GatedLoading(error: cause);
        loading.Open();
        await Assert.ThrowsAsync<InvalidOperationException>(() => loading.Loader.WaitAsync());

        var report = await Check(loading.Loader, asked);

        Assert.Equal((expected, cause), (report.Status, report.Exception));
        Assert.Equal("topv2-parser could not be loaded: config.json: hidden_size is missing", report.Description);
    }

    [Fact]
    public async Task Every_model_has_a_check_of_its_own()
    {
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddLayerSkipChatClient(options => options.ModelPath = TestModels.ParserPath)
            .AddLayerSkipChatClient(options => options.ModelPath = "nowhere", "other")
            .AddHealthChecks().AddLayerSkip(tags: ["ready"]).AddLayerSkip("other").AddLayerSkip("unknown", name: "mine")
            .Services.BuildServiceProvider();
        await services.GetRequiredService<LayerSkipModelLoader>().WaitAsync();

        var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

        Assert.Equal(["layerskip", "layerskip:other", "mine"], report.Entries.Keys);
        Assert.Equal((HealthStatus.Healthy, "ready"), (report.Entries["layerskip"].Status, report.Entries["layerskip"].Tags.Single()));
        Assert.Equal(HealthStatus.Unhealthy, report.Entries["layerskip:other"].Status);
        Assert.Contains("ModelPath of 'other' is 'nowhere'", report.Entries["layerskip:other"].Description);
        Assert.Equal(HealthStatus.Unhealthy, report.Entries["mine"].Status);
    }

    private static async Task<HealthReportEntry> Check(LayerSkipModelLoader loader, HealthStatus? failureStatus = null)
    {
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(loader)
            .AddHealthChecks().AddLayerSkip(failureStatus: failureStatus)
            .Services.BuildServiceProvider();
        return (await services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["layerskip"];
    }
}
