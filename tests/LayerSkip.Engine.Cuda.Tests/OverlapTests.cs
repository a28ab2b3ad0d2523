using System.Text.RegularExpressions;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Kernels that start before the one in front of them has ended: compute capability 9.0 and up.</summary>
public class OverlapTests
{
    [Fact]
    public void On_compute_capability_9_kernels_start_early_to_the_same_bits()
    {
        var random = new Random(3);
        var config = CudaModels.RandomConfig(random);
        var tokens = CudaModels.RandomTokens(random, config, 40);
        float[] Logits()
        {
            using var model = CudaModels.Random(config, 1, WeightFormat.BF16);
            return CudaModelTests.Prefill(model, tokens, 7);
        }

        var expected = Logits();
        Rig.Controls.Capability(90);
        try
        {
            Rig.Controls.Reset();
            Assert.Equal(expected, Logits());
            Assert.Equal(0, Rig.Controls.Calls("cuLaunchKernel"));
            Assert.Equal(Rig.Controls.Launches(), Rig.Controls.Calls("cuLaunchKernelEx"));
        }
        finally
        {
            Rig.Controls.Capability(0);
        }
    }

    [Fact]
    public void Every_kernel_lets_the_next_one_start_and_waits_for_the_one_before()
    {
        // A kernel that does not wait would end before those in front of it, and the one behind it would start too early.
        var files = Directory.EnumerateFiles(Path.Combine(SharedData.RepositoryRoot, "src", "LayerSkip.Engine.Cuda", "kernels"), "*.ptx");
        var kernels = files.SelectMany(file => File.ReadAllText(file).Split(".entry ")[1..]).ToArray();
        Assert.Equal(KernelLibrary.Names.Count, kernels.Length);
        Assert.All(kernels, kernel =>
        {
            Assert.Contains("//sm_90 griddepcontrol.launch_dependents;", kernel, StringComparison.Ordinal);
            var parts = kernel.Split("//sm_90 griddepcontrol.wait;");
            Assert.DoesNotMatch(@"\b(st\.global|red\.|atom\.)|\bret;", parts[0]);

            // Blocks without outputs end early, behind a wait of their own.
            var endsEarly = kernel.StartsWith("head_argmax", StringComparison.Ordinal)
                || (Regex.IsMatch(kernel, "^(project|gate_up)") && !kernel[..kernel.IndexOf('(', StringComparison.Ordinal)].Contains("tiles", StringComparison.Ordinal));
            Assert.Equal(endsEarly ? 3 : 2, parts.Length);
        });
    }
}
