using System.Text.Json;
using LayerSkip.Cli;
using LayerSkip.Cli.Commands;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Verification;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary><c>layerskip selftest</c>: the same checks as these tests', which find what is wrong.</summary>
public class SelfTestTests
{
    private const int OutOfMemory = 2;
    private const int IllegalAddress = 700;

    private static readonly KernelLimits s_small = new(Rows: 20, Width: 60, Context: 150);

    public static TheoryData<string> Kernels => [.. KernelLibrary.Names];

    [Fact]
    public void Everything_agrees_and_every_kernel_has_its_line()
    {
        var (exitCode, output) = Run(rounds: 2, json: false);
        Assert.True(exitCode == CommandLine.Success, output);
        var lines = output.TrimEnd().Split('\n');
        Assert.Equal(KernelCases.Families, lines.Skip(1).Take(KernelCases.Families.Count).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
        Assert.All(lines[1..^2], line => Assert.StartsWith("ok   ", line, StringComparison.Ordinal));
        Assert.Contains("project            f32 bf16 f16 q8 q4, 10 shapes: rows ", output, StringComparison.Ordinal);
        Assert.StartsWith("memory: ", lines[^2], StringComparison.Ordinal);
        Assert.Equal("the GPU agrees with the CPU", lines[^1]);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_that_computes_wrongly_is_found(string kernel)
    {
        var family = KernelCases.Split(kernel).Family;
        Rig.Controls.Spoil(kernel);
        try
        {
            var found = Assert.Single(new SelfTest(Rig.Provider, 0, s_small).CheckKernels(1, [family], CancellationToken.None));
            Assert.Equal(family, found.Kernel);
            Assert.Contains(kernel, found.Failure, StringComparison.Ordinal);
        }
        finally
        {
            Rig.Controls.Spoil(null);
        }

        Assert.Null(Assert.Single(new SelfTest(Rig.Provider, 0, s_small).CheckKernels(1, [family], CancellationToken.None)).Failure);
    }

    [Fact]
    public void What_is_wrong_is_named_and_the_exit_code_says_so()
    {
        Rig.Controls.Spoil("gate_up_tiles_q8");
        try
        {
            var (exitCode, output) = Run(rounds: 1, json: true);
            Assert.Equal(CommandLine.Mismatch, exitCode);
            using var report = JsonDocument.Parse(output);
            Assert.False(report.RootElement.GetProperty("passed").GetBoolean());
            var wrong = Assert.Single(report.RootElement.GetProperty("kernels").EnumerateArray(), kernel => !kernel.GetProperty("passed").GetBoolean());
            Assert.Equal("gate_up_tiles", wrong.GetProperty("kernel").GetString());
            Assert.Contains("gate_up_tiles_q8, rows ", wrong.GetProperty("failure").GetString(), StringComparison.Ordinal);
        }
        finally
        {
            Rig.Controls.Spoil(null);
        }
    }

    [Fact]
    public void A_model_that_decodes_wrongly_is_found()
    {
        // Kernels agree; logits do not, since a step spoils them.
        Rig.Controls.Spoil("attention_merge");
        try
        {
            var found = Assert.Single(new SelfTest(Rig.Provider, 0, s_small).CheckModels(1, CancellationToken.None));
            Assert.StartsWith("logits", found.Failure, StringComparison.Ordinal);
        }
        finally
        {
            Rig.Controls.Spoil(null);
        }
    }

    [Theory]
    [InlineData("accept")] // More tokens than a draft has.
    [InlineData("race")]
    [InlineData("head_argmax_f32")]
    public void A_round_that_goes_wrong_is_a_finding(string kernel)
    {
        Rig.Controls.Spoil(kernel);
        try
        {
            Assert.NotNull(Assert.Single(new SelfTest(Rig.Provider, 0, s_small).CheckModels(1, CancellationToken.None)).Failure);
        }
        finally
        {
            Rig.Controls.Spoil(null);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(OutOfMemory)]
    [InlineData(IllegalAddress)]
    public void A_call_that_fails_is_a_finding_and_a_lost_device_ends_the_test(int code)
    {
        var failures = 0;
        var lostIn = new SortedSet<string>();
        for (var call = 1; call <= 100; call++)
        {
            Rig.Controls.Inject(call, code);
            try
            {
                var test = new SelfTest(Rig.Provider, 0, s_small);
                var found = test.CheckKernels(2, ["choose", "normalize"], CancellationToken.None).ToArray();
                failures += found.Count(kernel => kernel.Failure?.Contains($"({code})", StringComparison.Ordinal) == true);
                if (code == OutOfMemory)
                {
                    Assert.All(found, kernel => Assert.Equal(2, kernel.Shapes)); // smaller ones may have the memory
                }

                if (test.IsLost)
                {
                    lostIn.Add(found[^1].Kernel);
                }
            }
            catch (DeviceException)
            {
                // The device was not even opened.
            }
            finally
            {
                Rig.Controls.Inject(0, 0);
            }
        }

        Assert.InRange(failures, 20, 100);
        Assert.Equal(code == IllegalAddress ? ["choose", "normalize"] : [], lostIn);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(OutOfMemory)]
    [InlineData(IllegalAddress)]
    public void A_call_that_fails_while_a_model_runs_is_a_finding_and_everything_is_freed(int code)
    {
        var rig = Rig.Controls;
        var live = rig.Live();
        var failures = 0;
        for (var call = 1L; ; call = (call * 3 / 2) + 1)
        {
            var test = new SelfTest(Rig.Provider, 0, s_small);
            rig.Reset();
            rig.Inject(call, code);
            var found = Assert.Single(test.CheckModels(1, CancellationToken.None));
            failures += found.Failure?.Contains($"({code})", StringComparison.Ordinal) == true ? 1 : 0;
            if (rig.Calls() < call)
            {
                break;
            }

            rig.Reset();
            Assert.Equal(live, rig.Live());
        }

        rig.Reset();
        Assert.InRange(failures, 8, 100);
    }

    [Fact]
    public void A_device_short_of_memory_has_a_line_for_everything_it_has_not_the_memory_for()
    {
        _ = Rig.Controls;
        using var gpus = new Gpus(16 << 10);
        var (exitCode, output) = Run(rounds: 1, json: false);
        Assert.Equal(CommandLine.Mismatch, exitCode);
        var lines = output.TrimEnd().Split('\n');
        Assert.Equal(1 + KernelCases.Families.Count + 1 + 1, lines.Length);
        Assert.Contains("(2)", lines.Single(line => line.StartsWith("FAIL gate_up ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("memory", lines.Single(line => line.StartsWith("FAIL model ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("ok   choose ", StringComparison.Ordinal));
    }

    private static (int ExitCode, string Output) Run(int rounds, bool json)
    {
        using var interrupt = new Interrupt();
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = SelfTestCommand.Run(new SelfTest(Rig.Provider, 0, s_small), rounds, json, new Terminal(output, error, Stream.Null, interrupt));
        Assert.Empty(error.ToString());
        return (exitCode, output.ToString());
    }
}
