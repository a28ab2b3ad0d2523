using System.Diagnostics;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

public class GenerationStatisticsTests
{
    [Fact]
    public void Full_depth_makes_as_many_layer_passes_a_token_as_there_are_layers_however_long_the_prompt()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 1000 };
        using var model = Models.Random(config);

        foreach (var length in new[] { 1, 256, 257, 700 })
        {
            using var generation = model.Decode([.. Enumerable.Repeat(1, length)], Models.Autoregressive(5));
            Assert.Equal(5 * config.Layers, generation.Statistics.LayerPasses);
        }
    }

    [Fact]
    public void Accepted_tokens_are_counted_beyond_the_room_that_was_made_for_them()
    {
        var recorder = new StatisticsRecorder(promptTokens: 1, outputCapacity: 2);
        foreach (var index in new[] { 0, 5, 6, 200 })
        {
            recorder.Accept(index);
        }

        int[] beginnings = [0, 1, 5, 6, 7, 200, 201, 500];
        Assert.Equal([0, 1, 1, 2, 3, 3, 4, 4], beginnings.Select(recorder.CountAccepted));
    }

    [Fact]
    public void Running_what_coarse_weights_have_drafted_again_is_part_of_a_rounds_time()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig);
        using var slow = new SlowAgain(model);
        using var generation = slow.Decode([1, 2, 3], Models.Speculative(2, 4, 20) with { DraftWeights = DraftWeights.Int4 });
        Assert.InRange(slow.Slept.Count, 2, 20);

        // The first round counts as the prompt's.
        var statistics = generation.Statistics;
        Assert.True(statistics.DecodeTime >= Sum(slow.Slept.Skip(1)), $"{statistics.DecodeTime} for {slow.Slept.Count} rounds");
        Assert.True(statistics.VerifyTime >= Sum(slow.Slept), $"{statistics.VerifyTime} for {slow.Slept.Count} rounds");

        static TimeSpan Sum(IEnumerable<TimeSpan> times) => times.Aggregate(TimeSpan.Zero, static (sum, time) => sum + time);
    }

    /// <summary>Takes long to run the layers themselves where coarse ones have drafted.</summary>
    private sealed class SlowAgain(IDeviceModel inner) : DelegatingDevice(inner)
    {
        private bool _hasDrafted;

        public List<TimeSpan> Slept { get; } = [];

        public override int SharedRows => 16;

        public override bool DraftsBy(DraftWeights weights) => weights != DraftWeights.Exact;

        public override bool PrepareDraftLayers(int layers, DraftWeights weights, CancellationToken cancellationToken = default) => true;

        public override void RunDraftLayers(RowBuffer rows, int start, int count, int from, int to, DraftWeights weights, CancellationToken cancellationToken = default)
        {
            _hasDrafted = true;
            Inner.RunLayers(rows, start, count, from, to, cancellationToken);
        }

        public override void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default)
        {
            if (_hasDrafted)
            {
                _hasDrafted = false;
                var began = Stopwatch.GetTimestamp();
                Thread.Sleep(10);
                Slept.Add(Stopwatch.GetElapsedTime(began));
            }

            base.RunLayers(rows, start, count, from, to, cancellationToken);
        }
    }
}
