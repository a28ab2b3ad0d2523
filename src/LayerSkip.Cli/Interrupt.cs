namespace LayerSkip.Cli;

/// <summary>
/// Ctrl-C: ends the step that may be stopped on its own (a chat's running answer), otherwise the command; SIGTERM ends the command at once. Safe for concurrent use.
/// A command that never asks for <see cref="Command"/> has nothing to save, and its process can simply end.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _command = new();
    private CancellationTokenSource? _step;
    private volatile bool _isWatched;

    /// <summary>Cancelled when the command is to end: who asks for it looks at it from then on.</summary>
    public CancellationToken Command
    {
        get
        {
            _isWatched = true;
            return _command.Token;
        }
    }

    /// <summary>Begins a step; the first <see cref="Raise"/> from here on cancels its token alone, a second one the command.</summary>
    public CancellationToken BeginStep()
    {
        _isWatched = true;
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
    /// <returns>Whether somebody looks at what it has cancelled; false where nobody does, or the command was to end already and the user will not wait: the process is then to end as it is.</returns>
    public bool Raise()
    {
        lock (_lock)
        {
            if (_step is { IsCancellationRequested: false } step)
            {
                step.Cancel();
                return true;
            }

            var isFirst = !_command.IsCancellationRequested;
            return End() && isFirst;
        }
    }

    /// <summary>The system wants the process to end.</summary>
    /// <returns>Whether somebody looks at that; else the process is to end as it is.</returns>
    public bool End()
    {
        _command.Cancel();
        return _isWatched;
    }

    public void Dispose()
    {
        EndStep();
        _command.Dispose();
    }
}
