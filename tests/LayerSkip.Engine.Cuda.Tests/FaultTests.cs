using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Tests.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>An error at any call of the driver: a clear exception, everything freed, and a device that goes on, or says that it is lost.</summary>
public class FaultTests
{
    private const int OutOfMemory = 2;
    private const int LaunchOutOfResources = 701;
    private const int IllegalAddress = 700;

    private static readonly ModelConfig s_config = TinyCheckpoint.DefaultConfig with { Layers = 2, VocabularySize = 40, HiddenSize = 24, IntermediateSize = 30, AttentionHeads = 2, KeyValueHeads = 1 };

    [Theory]
    [InlineData(OutOfMemory)]
    [InlineData(LaunchOutOfResources)]
    [InlineData(IllegalAddress)]
    public void Loading_that_fails_at_any_call_frees_everything(int code)
    {
        var rig = Rig.Controls;
        var live = rig.Live();
        for (var call = 1; ; call++)
        {
            rig.Reset();
            var (driver, device) = Rig.Device;
            rig.Inject(call, code);
            try
            {
                using var weights = new RandomWeightSource(s_config, 1);
                CudaModel.Load(driver, [device], s_config, weights, WeightFormat.F32).Dispose();
            }
            catch (Exception e) when (e is CudaException or OutOfMemoryException)
            {
                AssertNames(e, code);
                Assert.Equal(live, rig.Live());
                continue;
            }

            Assert.True(call > 30 || rig.Calls() < call + 30, $"the error at call {call} went unnoticed");
            if (rig.Calls() < call)
            {
                break;
            }
        }

        rig.Reset();
        Assert.Equal(live, rig.Live());
        Assert.True(rig.IsWhole, rig.Problem);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    [InlineData(0f, DraftController.Confidence)]
    public void A_generation_goes_on_after_an_error_at_any_call(float temperature, DraftController? controller = null)
    {
        var options = CudaModels.Speculative(1, 2, 4) with
        {
            Sampling = new SamplingOptions { Temperature = temperature, TopK = 30, Seed = 4 }, DraftController = controller,
        };
        var rig = Rig.Controls;
        var live = rig.Live();
        rig.Reset();
        int[] expected;
        using (var model = CudaModels.Random(s_config))
        {
            expected = model.Tokens([1, 2, 3], CudaModels.Autoregressive(4) with { Sampling = options.Sampling });
        }

        // A new model each time, so that the capture of its graphs fails at every call, too.
        var failures = 0;
        for (var call = 1; ; call++)
        {
            rig.Reset();
            using var model = CudaModels.Random(s_config);
            rig.Reset();
            rig.Inject(call, call % 2 == 0 ? OutOfMemory : LaunchOutOfResources);
            Assert.Equal(expected, Retry(model, options, out var failed));
            failures += failed ? 1 : 0;
            if (rig.Calls() < call)
            {
                break;
            }
        }

        Assert.True(failures > 40, $"only {failures} errors were noticed");
        rig.Reset();
        Assert.Equal(live, rig.Live());
        Assert.True(rig.IsWhole, rig.Problem);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Others_are_right_after_an_error_at_any_call_of_what_sequences_share(bool passes)
    {
        // Log-probabilities are read step by step.
        var options = CudaModels.Speculative(1, 2, 4) with { Sampling = new() { Temperature = 1, Seed = 4 }, TopLogProbabilities = passes ? 1 : null };
        int[][] prompts = [[1, 2, 3], [4]];
        var rig = Rig.Controls;
        var live = rig.Live();
        var expected = Array.Empty<int[]>();
        for (var (call, fails) = (0, true); fails; call += call < 12 ? 1 : 5)
        {
            // A new model each time, so that the capture of its graphs fails, too.
            rig.Reset();
            using var model = CudaModels.Random(s_config);
            expected = call == 0 ? Array.ConvertAll(prompts, prompt => model.Tokens(prompt, options)) : expected;
            var generations = Begin(model);
            Array.ForEach(generations, static generation => generation.BeginRound(default));
            rig.Reset();
            rig.Inject(call, call % 2 == 0 ? OutOfMemory : LaunchOutOfResources);
            try
            {
                Assert.Equal(1, SharedTurns.RunTogether(model, generations));
                fails = call == 0;
                Assert.True(call == 0 || call > 30, $"only {call} calls");
            }
            catch (Exception e) when (call > 0 && e is CudaException or OutOfMemoryException)
            {
                // Nobody knows how far those came.
                Array.ForEach(generations, static generation => generation.Dispose());
                generations = Begin(model);
            }

            rig.Reset();
            Array.ForEach(generations, static generation => generation.EndRound(default));
            SharedTurns.Run(model, generations, static () => true);
            Assert.Equal(expected, generations.Select(static generation => generation.Output.ToArray()));
            Array.ForEach(generations, static generation => generation.Dispose());
        }

        Assert.Equal(live, rig.Live());
        Assert.True(rig.IsWhole, rig.Problem);

        Generation[] Begin(CudaModel model) => Array.ConvertAll(prompts, prompt => new Generation(model, prompt, DecodingPlan.Create(options, s_config, new())));
    }

    [Fact]
    public void A_lost_device_says_so_at_every_step_and_frees_everything()
    {
        var rig = Rig.Controls;
        var live = rig.Live();
        for (var call = 1; call < 200; call += 3)
        {
            rig.Reset();
            using (var model = CudaModels.Random(s_config))
            {
                rig.Reset();
                rig.Inject(call, IllegalAddress);
                try
                {
                    model.Tokens([1, 2, 3], CudaModels.Speculative(1, 2, 4) with { Sampling = new() { Temperature = call % 2 } });
                    break;
                }
                catch (CudaException e)
                {
                    AssertNames(e, IllegalAddress);
                    var again = Assert.Throws<CudaException>(() => model.Tokens([1, 2, 3], CudaModels.Autoregressive(3)));
                    Assert.Contains("lost", again.Message, StringComparison.Ordinal);
                    Assert.True(again.IsFatal);
                }
            }

            rig.Reset();
            Assert.Equal(live, rig.Live());
        }

        rig.Reset();
        using var other = CudaModels.Random(s_config);
        Assert.Equal(3, other.Tokens([1, 2, 3], CudaModels.Autoregressive(3)).Length);
    }

    [Fact]
    public void An_absent_library_and_a_driver_without_a_device_are_reasons()
    {
        var absent = new CudaDeviceProvider("/nowhere/libcuda.so.1").Survey();
        Assert.Contains("/nowhere/libcuda.so.1", absent.Reason, StringComparison.Ordinal);
        Assert.Empty(absent.Devices);

        var rig = Rig.Controls;
        rig.Reset();
        rig.Inject(1, 100);
        var none = new CudaDeviceProvider(Rig.Library).Survey();
        Assert.Contains("cuInit", none.Reason, StringComparison.Ordinal);
        Assert.Contains("CUDA_ERROR_NO_DEVICE (100)", none.Reason, StringComparison.Ordinal);
        rig.Reset();

        using var weights = new RandomWeightSource(s_config, 1);
        var options = new ModelOptions { Device = "cuda", DeviceProviders = [new CudaDeviceProvider("/nowhere/libcuda.so.1")] };
        var error = Assert.Throws<DeviceException>(() => LayerSkipModel.FromWeights("tiny", s_config, weights, options: options));
        Assert.Contains("/nowhere/libcuda.so.1", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<DeviceException>(() => LayerSkipModel.FromWeights(
            "tiny", s_config, weights, options: new() { Device = "cuda:7", DeviceProviders = [new CudaDeviceProvider(Rig.Library)] }));
        Assert.Contains("cuda:7", error.Message, StringComparison.Ordinal);

        using var model = LayerSkipModel.FromWeights("tiny", s_config, weights, options: options with { Device = "auto" });
        Assert.StartsWith("cpu", model.Device, StringComparison.Ordinal);
        Assert.Contains("/nowhere/libcuda.so.1", model.DeviceFallback, StringComparison.Ordinal);
        using var onDevice = LayerSkipModel.FromWeights(
            "tiny", s_config, weights, options: new() { Device = "auto", DeviceProviders = [new CudaDeviceProvider(Rig.Library)] });
        Assert.StartsWith("cuda:0", onDevice.Device, StringComparison.Ordinal);
        Assert.Null(onDevice.DeviceFallback);
    }

    [Fact]
    public void The_systems_own_driver_says_why_it_is_not_used()
    {
        var survey = new CudaDeviceProvider().Survey();
        Assert.Equal(survey.Reason is null, survey.Devices.Any(device => device.Unusable is null));
    }

    /// <summary>Decodes to the end, trying again what fails.</summary>
    private static int[] Retry(CudaModel model, DecodingOptions options, out bool failed)
    {
        failed = false;
        Generation? generation = null;
        try
        {
            while (generation is not { FinishReason: not FinishReason.None })
            {
                try
                {
                    generation ??= new Generation(model, [1, 2, 3], DecodingPlan.Create(options, model.Config, new()));
                    generation.NextRound();
                }
                catch (Exception e) when (e is CudaException or OutOfMemoryException)
                {
                    Assert.False(failed, e.Message);
                    failed = true;
                }
            }

            return generation.Output.ToArray();
        }
        finally
        {
            generation?.Dispose();
        }
    }

    private static void AssertNames(Exception error, int code)
    {
        Assert.Matches("^(the CUDA device was lost.*)?cu[A-Z]", error.Message);
        Assert.Contains($"({code})", error.Message, StringComparison.Ordinal);
    }
}
