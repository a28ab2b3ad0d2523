namespace LayerSkip.Cli;

/// <summary>
/// Ctrl-C: ends the step that may be stopped on its own (a chat's running answer), otherwise the command; SIGTERM ends the command at once. Safe for concurrent use.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _command = new();
    private CancellationTokenSource? _step;

    /// <summary>Cancelled when the command is to end.</summary>
    public CancellationToken Command => _command.Token;

    /// <summary>Begins a step; the first <see cref="Raise"/> from here on cancels its token alone, a second one the command.</summary>
    public CancellationToken BeginStep()
    {
        lock (_lock)
        {
            _step?.Dispose();
            _step = CancellationTokenSource.CreateLinkedTokenSource(_command.Token);
            return _step.Token;
        }
    }

    /// <summary>Ends the step.</summary>
    public void EndStep()
    {
        lock (_lock)
        {
            _step?.Dispose();
            _step = null;
        }
    }

    /// <summary>The user pressed Ctrl-C.</summary>
    public void Raise()
    {
        lock (_lock)
        {
            (_step is { IsCancellationRequested: false } step ? step : _command).Cancel();
        }
    }

    /// <summary>The system wants the process to end.</summary>
    public void End() => _command.Cancel();

    public void Dispose()
    {
        EndStep();
        _command.Dispose();
    }
}
