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
        using var model = Models.RandomOnCpu(TinyCheckpoint.DefaultConfig with { MaxPositions = 2000 }, draftVocabulary: [1, 3, 5, 7]);
        var generations = Enumerable.Range(0, 4).Select(i => Start(
            model, i == 0 ? Models.Autoregressive(1500) : Models.Speculative(1, 3, 1500) with { Sampling = new() { Temperature = i / 3, Seed = 1 } })).ToArray();
        var passes = new RowPass[generations.Length];
        var drafting = new List<Generation>();
        Run(100);
        Assert.Equal(0, Allocations.Least(() => Run(50)));
        Assert.All(generations, static generation => Assert.Equal(FinishReason.None, generation.FinishReason));
        Array.ForEach(generations, static generation => generation.Dispose());

        void Run(int rounds)
        {
            for (var round = 0; round < rounds; round++)
            {
                foreach (var generation in generations)
                {
                    generation.Share(generations.Length);
                    generation.BeginRound(default);
                    if (generation.IsDrafting)
                    {
                        drafting.Add(generation);
                    }
                }

                while (drafting.Count > 0)
                {
                    Share(drafting);
                    for (var i = drafting.Count - 1; i >= 0; i--)
                    {
                        drafting[i].GoOn(default);
                        if (!drafting[i].IsDrafting)
                        {
                            drafting.RemoveAt(i);
                        }
                    }
                }

                // They are in the order of their first layers already.
                Share(generations);
                foreach (var generation in generations)
                {
                    generation.EndRound(default);
                }
            }
        }

        void Share(IReadOnlyList<Generation> waiting)
        {
            for (var i = 0; i < waiting.Count; i++)
            {
                passes[i] = waiting[i].TakePass();
            }

            model.RunPasses(passes.AsSpan(0, waiting.Count));
            for (var i = 0; i < waiting.Count; i++)
            {
                waiting[i].PassHasRun(new(Ticks: 0, waiting.Count, Rows: 0, Heads: waiting.Count));
            }
        }
    }

    private static Generation Start(CpuModel model, DecodingOptions options) => new(model, [1, 2], DecodingPlan.Create(options, model.Config, new()));
}
