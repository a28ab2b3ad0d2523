using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace LayerSkip.AI.Hosting;

/// <summary>Loads a model when the host starts, without holding the start up.</summary>
internal sealed class ModelLoadingService(
    LayerSkipModelLoader loader, IOptionsMonitor<LayerSkipOptions> options, IHostApplicationLifetime? lifetime, string? serviceId) : BackgroundService
{
    /// <summary>What a process ends with whose host has stopped for want of the model, so that whoever watches over it knows.</summary>
    private const int FailedExitCode = 1;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _ = loader.Begin();
        if (options.Get(serviceId).StopHostOnLoadFailure)
        {
            try
            {
                await loader.WaitAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The host deals with what a background service throws. Where it stops by that, the process would else end as if all were well.
                lifetime?.ApplicationStopping.Register(() =>
                    Environment.ExitCode = Environment.ExitCode == 0 && loader.Error is not null ? FailedExitCode : Environment.ExitCode);
                throw;
            }
        }
    }
}
