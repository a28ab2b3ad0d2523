using System.Diagnostics.Metrics;
using LayerSkip.AI.Hosting;
using LayerSkip.AI.Telemetry;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI;

/// <summary>Registers LayerSkip models as chat clients and embedding generators.</summary>
public static class LayerSkipServiceCollectionExtensions
{
    /// <summary>
    /// Registers a model as singletons of <see cref="LayerSkipChatClient"/> and <see cref="IChatClient"/>, the two one instance, of
    /// <see cref="LayerSkipEngine"/> and of <see cref="LayerSkipModelLoader"/>.
    /// </summary>
    /// <remarks>
    /// <para>
    /// The options are checked when the host starts. The host then loads the model in the background; where no host runs, that begins when a
    /// client is first resolved. Requests that come earlier wait, and report the error should there be one. To resolve the engine waits too,
    /// blocking. The container disposes the model.
    /// </para>
    /// <para>
    /// A pipeline of middleware is registered after the model: <c>services.AddChatClient(provider =>
    /// provider.GetRequiredService&lt;LayerSkipChatClient>())</c>.
    /// </para>
    /// </remarks>
    /// <param name="services">The services to add to.</param>
    /// <param name="configure">Sets the options.</param>
    /// <param name="serviceId">The services' key, and the options' name; null registers them without a key. A container may hold several models.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="serviceId"/> is empty.</exception>
    public static IServiceCollection AddLayerSkipChatClient(
        this IServiceCollection services, Action<LayerSkipOptions> configure, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        AddClient(services, serviceId).Configure(NotingPath(configure, static (options, path) => options.ChatModelPath = path));
        return services;
    }

    /// <summary>As <see cref="AddLayerSkipChatClient(IServiceCollection, Action{LayerSkipOptions}, string?)"/>, with options from a configuration.</summary>
    /// <param name="services">The services to add to.</param>
    /// <param name="section">Holds the options by their names, such as <c>"ModelPath"</c>; a section with any other key is refused at the start.</param>
    /// <param name="serviceId">The services' key, and the options' name; null registers them without a key. A container may hold several models.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="serviceId"/> is empty.</exception>
    public static IServiceCollection AddLayerSkipChatClient(
        this IServiceCollection services, IConfiguration section, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        AddClient(services, serviceId).Configure(NotingPath(Binding(section), static (options, path) => options.ChatModelPath = path));
        return services;
    }

    /// <summary>
    /// Registers a model as singletons of <see cref="LayerSkipEmbeddingGenerator"/>, <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/> and
    /// <see cref="IEmbeddingGenerator"/>, all one instance. A chat client of the same service id runs on the same model, with the same options.
    /// </summary>
    /// <remarks>
    /// As with <see cref="AddLayerSkipChatClient(IServiceCollection, Action{LayerSkipOptions}, string?)"/>, the model is loaded in the background.
    /// What is set here holds for a chat client of the same service id too, and for another model than the client's the generator needs a service
    /// id of its own: two paths under one id are refused when the host starts.
    /// </remarks>
    /// <param name="services">The services to add to.</param>
    /// <param name="configure">Sets the options.</param>
    /// <param name="serviceId">The services' key, and the options' name; null registers them without a key.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="serviceId"/> is empty.</exception>
    public static IServiceCollection AddLayerSkipEmbeddingGenerator(
        this IServiceCollection services, Action<LayerSkipOptions> configure, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        AddGenerator(services, serviceId).Configure(NotingPath(configure, static (options, path) => options.EmbeddingModelPath = path));
        return services;
    }

    /// <summary>As <see cref="AddLayerSkipEmbeddingGenerator(IServiceCollection, Action{LayerSkipOptions}, string?)"/>, with options from a configuration.</summary>
    /// <param name="services">The services to add to.</param>
    /// <param name="section">Holds the options by their names, such as <c>"ModelPath"</c>; a section with any other key is refused at the start.</param>
    /// <param name="serviceId">The services' key, and the options' name; null registers them without a key.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="serviceId"/> is empty.</exception>
    public static IServiceCollection AddLayerSkipEmbeddingGenerator(
        this IServiceCollection services, IConfiguration section, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        AddGenerator(services, serviceId).Configure(NotingPath(Binding(section), static (options, path) => options.EmbeddingModelPath = path));
        return services;
    }

    /// <summary>
    /// As <see cref="AddLayerSkipEmbeddingGenerator(IServiceCollection, Action{LayerSkipOptions}, string?)"/>, with the options of the chat client
    /// that is registered under the same service id.
    /// </summary>
    /// <param name="services">The services to add to.</param>
    /// <param name="serviceId">The services' key, and the options' name; null registers them without a key.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="serviceId"/> is empty.</exception>
    public static IServiceCollection AddLayerSkipEmbeddingGenerator(this IServiceCollection services, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        AddGenerator(services, serviceId);
        return services;
    }

    private static OptionsBuilder<LayerSkipOptions> AddClient(IServiceCollection services, string? serviceId)
    {
        var options = AddModel(services, serviceId);
        services.TryAddKeyedSingleton(
            serviceId, static (provider, key) => new LayerSkipChatClient(Start(provider.GetRequiredKeyedService<LayerSkipModelLoader>(key))));
        services.AddKeyedSingleton<IChatClient>(serviceId, static (provider, key) => provider.GetRequiredKeyedService<LayerSkipChatClient>(key));
        return options;
    }

    private static OptionsBuilder<LayerSkipOptions> AddGenerator(IServiceCollection services, string? serviceId)
    {
        var options = AddModel(services, serviceId);
        services.TryAddKeyedSingleton(
            serviceId, static (provider, key) => new LayerSkipEmbeddingGenerator(Start(provider.GetRequiredKeyedService<LayerSkipModelLoader>(key))));
        services.AddKeyedSingleton<IEmbeddingGenerator<string, Embedding<float>>>(
            serviceId, static (provider, key) => provider.GetRequiredKeyedService<LayerSkipEmbeddingGenerator>(key));
        services.AddKeyedSingleton<IEmbeddingGenerator>(
            serviceId, static (provider, key) => provider.GetRequiredKeyedService<LayerSkipEmbeddingGenerator>(key));
        return options;
    }

    /// <summary>Takes from a section what is right, and notes what is not for the validator.</summary>
    private static Action<LayerSkipOptions> Binding(IConfiguration section) => options =>
    {
        options.ConfigurationErrors.AddRange(OptionsSection.Check<LayerSkipOptions>(section, out var right));
        right.Bind(options);
    };

    /// <summary>Notes whose path it is: client and generator of one service id run on one model.</summary>
    private static Action<LayerSkipOptions> NotingPath(Action<LayerSkipOptions> configure, Action<LayerSkipOptions, string> note) => options =>
    {
        var before = options.ModelPath;
        configure(options);
        if (options.ModelPath != before)
        {
            note(options, options.ModelPath);
        }
    };

    /// <summary>Registers what all services of one model share. A null key is no key.</summary>
    private static OptionsBuilder<LayerSkipOptions> AddModel(IServiceCollection services, string? serviceId)
    {
        if (serviceId is not null)
        {
            ArgumentException.ThrowIfNullOrEmpty(serviceId);
        }

        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LayerSkipOptions>, LayerSkipOptionsValidator>());
        services.TryAddSingleton(static provider =>
            provider.GetService<IMeterFactory>() is { } meters ? new Instruments(meters.Create(LayerSkipTelemetry.SourceName)) : Instruments.Shared);
        if (!services.Any(service => service.ServiceType == typeof(LayerSkipModelLoader) && Equals(service.ServiceKey, serviceId)))
        {
            services.AddKeyedSingleton(serviceId, CreateLoader);
            services.AddKeyedSingleton(
                serviceId, static (provider, key) => provider.GetRequiredKeyedService<LayerSkipModelLoader>(key).WaitForModel().Engine);
            services.AddSingleton<IHostedService>(provider => new ModelLoadingService(
                provider.GetRequiredKeyedService<LayerSkipModelLoader>(serviceId),
                provider.GetRequiredService<IOptionsMonitor<LayerSkipOptions>>(),
                provider.GetService<IHostApplicationLifetime>(),
                serviceId));
        }

        return services.AddOptions<LayerSkipOptions>(serviceId).ValidateOnStart();
    }

    private static LayerSkipModelLoader CreateLoader(IServiceProvider provider, object? key)
    {
        var options = provider.GetRequiredService<IOptionsMonitor<LayerSkipOptions>>().Get((string?)key);
        var logger = provider.GetService<ILogger<LayerSkipChatClient>>();
        var instruments = provider.GetRequiredService<Instruments>();
        return new LayerSkipModelLoader(
            Checkpoint.NameOf(options.ModelPath),
            (progress, cancellationToken) => ServedModel.Load(options, logger, progress, cancellationToken, instruments),
            provider.GetService<ILogger<LayerSkipModelLoader>>() ?? NullLogger<LayerSkipModelLoader>.Instance,
            instruments,
            options.ToEngineOptions(),
            provider.GetService<TimeProvider>() ?? TimeProvider.System);
    }

    private static LayerSkipModelLoader Start(LayerSkipModelLoader loader)
    {
        _ = loader.Begin();
        return loader;
    }
}
