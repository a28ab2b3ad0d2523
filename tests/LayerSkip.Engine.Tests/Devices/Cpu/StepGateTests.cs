using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Steps of several threads use the device one at a time, and none waits longer than those before it take.</summary>
public class StepGateTests
{
    [Fact]
    public void Who_has_waited_comes_before_who_returns()
    {
        var (gate, order) = (new StepGate(), new List<int>());
        var threads = new Thread[4];
        using (gate.Enter())
        {
            for (var i = 0; i < threads.Length; i++)
            {
                threads[i] = Waiting(gate, i, order.Add);
            }
        }

        // All the others have been there by then, in the order in which they came.
        using (gate.Enter())
        {
            Assert.Equal([0, 1, 2, 3], order);
        }

        Array.ForEach(threads, static thread => thread.Join());
        Assert.Equal(0, gate.Count);
    }

    [Fact]
    public void One_step_runs_at_a_time()
    {
        var (gate, inside, steps) = (new StepGate(), 0, 0);
        Parallel.For(0, 8, _ =>
        {
            for (var i = 0; i < 200; i++)
            {
                using (gate.Enter())
                {
                    Assert.Equal(1, Interlocked.Increment(ref inside));
                    steps++;
                    Interlocked.Decrement(ref inside);
                }
            }
        });
        Assert.Equal((1600, 0), (steps, gate.Count));
    }

    [Fact]
    public void A_thread_that_is_interrupted_while_it_waits_is_so_behind_its_step()
    {
        var (gate, order) = (new StepGate(), new List<int>());
        Thread interrupted, other;
        using (gate.Enter())
        {
            interrupted = Waiting(gate, 0, i =>
            {
                Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(30_000));
                order.Add(i);
            });
            other = Waiting(gate, 1, order.Add);
            interrupted.Interrupt();
        }

        Assert.True(interrupted.Join(60_000) && other.Join(60_000));
        Assert.Equal([0, 1], order);
    }

    /// <summary>A thread that waits at a gate, behind all who are there. That it fails tells what it has not done.</summary>
    private static Thread Waiting(StepGate gate, int number, Action<int> run)
    {
        var before = gate.Count;
        var thread = new Thread(() => Record.Exception(() =>
        {
            using var step = gate.Enter();
            run(number);
        }));
        thread.Start();
        SpinWait.SpinUntil(() => gate.Count > before);
        return thread;
    }
}
