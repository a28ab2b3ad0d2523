namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Lets one step at a time use the device's threads and scratch memory. Free, it costs one atomic exchange.</summary>
internal sealed class StepGate
{
    private int _taken;

    /// <summary>Waits for its turn; disposing the result passes it on.</summary>
    public Step Enter()
    {
        if (Interlocked.Exchange(ref _taken, 1) != 0)
        {
            var wait = default(SpinWait);
            do
            {
                wait.SpinOnce();
            }
            while (Interlocked.Exchange(ref _taken, 1) != 0);
        }

        return new Step(this);
    }

    public readonly ref struct Step(StepGate gate)
    {
        public void Dispose() => Volatile.Write(ref gate._taken, 0);
    }
}
