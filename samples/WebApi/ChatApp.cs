using System.Text.Json;
using LayerSkip.AI;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WebApi.OpenAI;

namespace WebApi;

/// <summary>The application: its services and its routes.</summary>
internal static class ChatApp
{
    /// <summary>Builds the application; the model is loaded in the background once it runs.</summary>
    /// <param name="args">Configuration, such as <c>--urls</c> and <c>--LayerSkip:ModelPath</c>.</param>
    /// <param name="configure">Services that come on top, such as middleware around the client.</param>
    public static WebApplication Create(string[] args, Action<IServiceCollection>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Limits.MaxRequestBodySize = RequestLimits.BodyBytes);

        // What keeps the host from starting is thrown as well, and the program tells it in one line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.AddLayerSkipChatClient(builder.Configuration.GetSection("LayerSkip"));
        builder.Services.AddLayerSkipEmbeddingGenerator();
        builder.Services.PostConfigure<LayerSkipOptions>(static options =>
        {
            if (string.IsNullOrEmpty(options.ModelPath))
            {
                options.ModelPath = Path.Combine(AppContext.BaseDirectory, "topv2-parser");
            }
        });
        builder.Services.AddHealthChecks().AddLayerSkip();
        builder.Services.AddProblemDetails(static options => options.CustomizeProblemDetails = ErrorOutput.AddTo)
            .AddExceptionHandler<RequestErrors>();
        builder.Services.ConfigureHttpJsonOptions(static options =>
        {
            options.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            options.SerializerOptions.TypeInfoResolverChain.Insert(0, Wire.Default);
        });
        configure?.Invoke(builder.Services);

        var app = builder.Build();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.MapHealthChecks("/health", new HealthCheckOptions
        {
            // Until the model is loaded, and after it could not be, no traffic is wanted.
            ResultStatusCodes = { [HealthStatus.Degraded] = StatusCodes.Status503ServiceUnavailable },
            ResponseWriter = static (context, report) => context.Response.WriteAsJsonAsync(
                HealthOutput.Of(report), Wire.Default.HealthOutput, contentType: null, context.RequestAborted),
        }).WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));
        app.MapChat();
        app.MapCompletions();
        app.MapEmbeddings();
        return app;
    }
}
