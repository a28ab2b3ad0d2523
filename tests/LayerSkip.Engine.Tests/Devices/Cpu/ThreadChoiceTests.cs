using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Small jobs are run by one thread or by all, whichever has been quicker of late.</summary>
public class ThreadChoiceTests
{
    [Theory]
    [InlineData(10, 30)]
    [InlineData(30, 10)]
    public void The_quicker_way_is_taken_and_the_other_tried_now_and_then(double alone, double together)
    {
        var choice = new ThreadChoice();
        var slow = Runs(choice, 640, alone, together);

        // One of 64, and at first.
        Assert.InRange(alone < together ? 640 - slow : slow, 10, 12);
    }

    [Fact]
    public void A_way_that_becomes_slow_is_left_for_the_other()
    {
        var choice = new ThreadChoice();
        Runs(choice, 300, alone: 10, together: 12);
        Assert.InRange(Runs(choice, 200, alone: 20, together: 12), 1, 40);
        Assert.InRange(Runs(choice, 640, alone: 20, together: 12), 10, 12);

        // What it was tried as then is no reason to stay away for ever.
        Runs(choice, 200, alone: 10, together: 12);
        Assert.InRange(Runs(choice, 640, alone: 10, together: 12), 600, 640);
    }

    [Fact]
    public void An_interruption_is_no_reason_to_change()
    {
        var choice = new ThreadChoice();
        Runs(choice, 200, alone: 10, together: 15);
        choice.Add(isAlone: true, 60);
        Assert.InRange(Runs(choice, 63, alone: 10, together: 15), 62, 63);
    }

    /// <summary>How many of some runs are by one thread.</summary>
    private static int Runs(ThreadChoice choice, int runs, double alone, double together)
    {
        var count = 0;
        for (var run = 0; run < runs; run++)
        {
            var isAlone = choice.Next();
            choice.Add(isAlone, isAlone ? alone : together);
            count += isAlone ? 1 : 0;
        }

        return count;
    }
}
