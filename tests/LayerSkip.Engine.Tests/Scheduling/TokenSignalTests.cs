using LayerSkip.Engine.Scheduling;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>What the engine's thread tells a consumer, and when.</summary>
public class TokenSignalTests
{
    [Fact]
    public async Task A_wake_up_for_tokens_that_have_been_taken_is_none()
    {
        // The engine is held up between a batch of tokens and its wake-up; the consumer, who was busy, takes them and waits for more.
        var signal = new TokenSignal();
        signal.Prepare(5);
        Assert.True(await signal.WaitAsync());
        Assert.Equal((0, 5), signal.Take());
        var more = signal.WaitAsync();
        signal.Signal();
        Assert.False(more.IsCompleted);

        signal.Publish(8, soon: true);
        Assert.True(await more);
        Assert.Equal((5, 3), signal.Take());

        var end = signal.WaitAsync();
        signal.End(error: null);
        Assert.False(await end);
    }

    [Fact]
    public async Task Every_token_comes_before_the_end_however_both_sides_interleave()
    {
        const int Tokens = 200_000;
        var signal = new TokenSignal();
        var engine = Task.Run(() =>
        {
            for (var i = 1; i <= Tokens; i++)
            {
                signal.Publish(i, soon: true);
            }

            signal.End(error: null);
        });

        var taken = 0;
        while (await signal.WaitAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1)))
        {
            taken += signal.Take().Count;
        }

        await engine;
        Assert.Equal(Tokens, taken);
    }
}
