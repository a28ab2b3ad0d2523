namespace LayerSkip.Cli.Tests;

public class InterruptTests
{
    [Fact]
    public void First_raise_stops_the_step_and_the_second_the_command()
    {
        using var interrupt = new Interrupt();
        var step = interrupt.BeginStep();

        interrupt.Raise();
        Assert.True(step.IsCancellationRequested);
        Assert.False(interrupt.Command.IsCancellationRequested);

        interrupt.Raise();
        Assert.True(interrupt.Command.IsCancellationRequested);
    }

    [Fact]
    public void A_command_that_never_looks_is_not_waited_for()
    {
        using var interrupt = new Interrupt();
        Assert.False(interrupt.End());
        Assert.False(interrupt.Raise());
    }

    [Fact]
    public void A_command_that_looks_is_waited_for_until_the_user_raises_again()
    {
        using var interrupt = new Interrupt();
        var command = interrupt.Command;
        Assert.True(interrupt.Raise());
        Assert.True(command.IsCancellationRequested);

        // A supervisor's signals are patient.
        Assert.True(interrupt.End());
        Assert.False(interrupt.Raise());
    }

    [Fact]
    public void End_stops_the_step_and_the_command()
    {
        using var interrupt = new Interrupt();
        var step = interrupt.BeginStep();

        interrupt.End();

        Assert.True(step.IsCancellationRequested);
        Assert.True(interrupt.Command.IsCancellationRequested);
    }

    [Fact]
    public void Raise_between_steps_stops_the_command()
    {
        using var interrupt = new Interrupt();
        interrupt.BeginStep();
        interrupt.EndStep();

        interrupt.Raise();

        Assert.True(interrupt.Command.IsCancellationRequested);
        Assert.True(interrupt.BeginStep().IsCancellationRequested);
    }

    [Fact]
    public void Step_can_be_stopped_again_after_another_was()
    {
        using var interrupt = new Interrupt();
        interrupt.BeginStep();
        interrupt.Raise();
        interrupt.EndStep();

        var second = interrupt.BeginStep();
        Assert.False(second.IsCancellationRequested);
        interrupt.Raise();
        Assert.True(second.IsCancellationRequested);
        Assert.False(interrupt.Command.IsCancellationRequested);
    }
}
