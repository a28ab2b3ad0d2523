using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI.Hosting;

/// <summary>Loads a model when the host starts, without holding the start up.</summary>
internal sealed class ModelLoadingService(LayerSkipModelLoader loader, IOptionsMonitor<LayerSkipOptions> options, string? serviceId) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _ = loader.Begin();
        if (options.Get(serviceId).StopHostOnLoadFailure)
        {
            // The host deals with what a background service throws.
            await loader.WaitAsync(stoppingToken).ConfigureAwait(false);
        }
    }
}
