namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Lets one step at a time use the device's threads and scratch memory, in the order in which they came. Free, it costs one atomic addition.</summary>
internal sealed class StepGate
{
    // A waiter looks so often, for about half a millisecond, and from then on sleeps a millisecond before each look, until somebody's turn ends. Who is next looks for about ten
    // milliseconds before it sleeps, since the device would stand still while it wakes.
    private const int Looks = 1_000;
    private const int LooksOfTheNext = 20_000;

    private int _tickets;
    private int _serving;

    /// <summary>Steps that run or wait.</summary>
    public int Count => Volatile.Read(ref _tickets) - Volatile.Read(ref _serving);

    /// <summary>Waits for its turn; disposing the result passes it on.</summary>
    public Step Enter()
    {
        var ticket = Interlocked.Increment(ref _tickets) - 1;
        if (Volatile.Read(ref _serving) != ticket)
        {
            WaitFor(ticket);
        }

        return new Step(this);
    }

    private void WaitFor(int ticket)
    {
        var (wait, isInterrupted) = (default(SpinWait), false);
        for (var (serving, seen) = (Volatile.Read(ref _serving), ticket); serving != ticket; serving = Volatile.Read(ref _serving))
        {
            if (serving != seen)
            {
                (wait, seen) = (default, serving);
            }

            try
            {
                wait.SpinOnce(ticket - serving == 1 ? LooksOfTheNext : Looks);
            }
            catch (ThreadInterruptedException)
            {
                // Behind a ticket that is given up nobody would get in any more.
                isInterrupted = true;
            }
        }

        if (isInterrupted)
        {
            Thread.CurrentThread.Interrupt();
        }
    }

    public readonly ref struct Step(StepGate gate)
    {
        public void Dispose() => Volatile.Write(ref gate._serving, gate._serving + 1);
    }
}
