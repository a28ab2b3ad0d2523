using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI;

/// <summary>Registers LayerSkip models as chat clients.</summary>
public static class LayerSkipServiceCollectionExtensions
{
    /// <summary>
    /// Registers a model as singletons of <see cref="LayerSkipEngine"/>, <see cref="LayerSkipChatClient"/> and <see cref="IChatClient"/>, the
    /// latter two one instance.
    /// </summary>
    /// <remarks>
    /// The options are checked when the host starts. The model is loaded when one of the services is first resolved, and disposed with the container.
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
        AddClient(services, serviceId).Configure(configure);
        return services;
    }

    /// <summary>
    /// Registers a model as singletons of <see cref="LayerSkipEngine"/>, <see cref="LayerSkipChatClient"/> and <see cref="IChatClient"/>, the
    /// latter two one instance.
    /// </summary>
    /// <remarks>
    /// The options are checked when the host starts. The model is loaded when one of the services is first resolved, and disposed with the container.
    /// </remarks>
    /// <param name="services">The services to add to.</param>
    /// <param name="section">Holds the options by their names, such as <c>"ModelPath"</c>.</param>
    /// <param name="serviceId">The services' key, and the options' name; null registers them without a key. A container may hold several models.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="serviceId"/> is empty.</exception>
    public static IServiceCollection AddLayerSkipChatClient(
        this IServiceCollection services, IConfiguration section, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        AddClient(services, serviceId).Bind(section);
        return services;
    }

    private static OptionsBuilder<LayerSkipOptions> AddClient(IServiceCollection services, string? serviceId)
    {
        if (serviceId is not null)
        {
            ArgumentException.ThrowIfNullOrEmpty(serviceId);
        }

        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LayerSkipOptions>, LayerSkipOptionsValidator>());

        // A null key is no key.
        services.AddKeyedSingleton(serviceId, CreateEngine);
        services.AddKeyedSingleton(serviceId, CreateClient);
        services.AddKeyedSingleton<IChatClient>(serviceId, static (provider, key) => provider.GetRequiredKeyedService<LayerSkipChatClient>(key));
        return services.AddOptions<LayerSkipOptions>(serviceId).ValidateOnStart();
    }

    private static LayerSkipEngine CreateEngine(IServiceProvider provider, object? key)
    {
        var options = Options(provider, key);
        return new LayerSkipEngine(LayerSkipModel.Load(options.ModelPath, options.ToModelOptions()), ownsModel: true, options.ToEngineOptions());
    }

    private static LayerSkipChatClient CreateClient(IServiceProvider provider, object? key)
    {
        var options = Options(provider, key);
        return new LayerSkipChatClient(
            provider.GetRequiredKeyedService<LayerSkipEngine>(key),
            ChatTemplate.LoadFrom(options.ModelPath),
            options,
            provider.GetService<ILogger<LayerSkipChatClient>>());
    }

    private static LayerSkipOptions Options(IServiceProvider provider, object? key) =>
        provider.GetRequiredService<IOptionsMonitor<LayerSkipOptions>>().Get((string?)key);
}
