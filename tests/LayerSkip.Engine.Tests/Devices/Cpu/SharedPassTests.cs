using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Passes that the CPU runs as one. That each sequence gets what it gets alone is <see cref="Decoding.SharedRoundTests"/>' matter.</summary>
public class SharedPassTests
{
    [Fact]
    public void Rounds_that_share_passes_allocate_nothing()
    {
        using var model = Models.RandomOnCpu(TinyCheckpoint.DefaultConfig with { MaxPositions = 2000 });
        var generations = Enumerable.Range(0, 3).Select(i => Start(
            model, i == 0 ? Models.Autoregressive(1500) : Models.Speculative(i, 3, 1500) with { Sampling = new() { Temperature = i - 1, Seed = 1 } })).ToArray();
        var passes = new RowPass[generations.Length];
        Run(100);
        Assert.Equal(0, Allocations.Least(() => Run(50)));
        Assert.All(generations, static generation => Assert.Equal(FinishReason.None, generation.FinishReason));
        Array.ForEach(generations, static generation => generation.Dispose());

        void Run(int rounds)
        {
            for (var round = 0; round < rounds; round++)
            {
                for (var i = 0; i < generations.Length; i++)
                {
                    generations[i].BeginRound(default);
                    passes[i] = generations[i].TakePass();
                }

                // They are in the order of their first layers already.
                model.RunPasses(passes);
                foreach (var generation in generations)
                {
                    generation.PassHasRun(new(Ticks: 0, Rows: 0, Head: true));
                    generation.EndRound(default);
                }
            }
        }
    }

    private static Generation Start(CpuModel model, DecodingOptions options) => new(model, [1, 2], DecodingPlan.Create(options, model.Config, new()));
}
