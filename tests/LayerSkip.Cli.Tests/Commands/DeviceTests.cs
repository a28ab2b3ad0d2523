using LayerSkip.Engine.Cuda;

namespace LayerSkip.Cli.Tests.Commands;

/// <summary><c>devices</c>, <c>selftest</c> and <c>--device</c>; what they say where there is no GPU.</summary>
public class DeviceTests
{
    private static readonly string? s_reason = new CudaDeviceProvider().Survey().Reason;

    [Fact]
    public void Devices_are_listed_or_the_reason_why_models_run_on_the_CPU()
    {
        var result = Tool.Run("devices");
        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        var json = Tool.RunJson("devices");
        Assert.Equal(s_reason, json.GetProperty("reason").GetString());
        var found = json.GetProperty("devices").EnumerateArray().ToArray();
        Assert.Equal(s_reason is null, found.Any(device => device.GetProperty("unusable").GetString() is null));
        Assert.All(found, device => Assert.Contains(device.GetProperty("id").GetString()!, result.Output, StringComparison.Ordinal));
        if (s_reason is not null)
        {
            Assert.Contains($"Models run on the CPU: {s_reason}.", result.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Without_a_GPU_the_commands_that_ask_for_one_say_why_there_is_none()
    {
        RequireNoGpu();
        foreach (var device in (string[])["cuda", "cuda:0", "cuda:7"])
        {
            Assert.Contains(s_reason!, Tool.RunBad("selftest", "--device", device), StringComparison.Ordinal);
            Assert.Contains(s_reason!, Tool.RunBad("generate", "--model", Tool.Parser, "--device", device, "--prompt", "call mom"), StringComparison.Ordinal);
        }

        Assert.Contains(s_reason!, Tool.RunBad("selftest"), StringComparison.Ordinal);
        Assert.Contains(s_reason!, Tool.RunBad("bench", "--model", Tool.Parser, "--device", "cuda"), StringComparison.Ordinal);

        // Whether a model fits is a GPU's own memory to say, not the machine's.
        Assert.Contains(
            s_reason!, Tool.RunBad("bench", "--synthetic", "layers=1024,hidden=65536,ffn=1048576,heads=64,vocab=4194304", "--device", "cuda"), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_GPU_auto_runs_on_the_CPU()
    {
        RequireNoGpu();
        var auto = Tool.RunJson("generate", "--model", Tool.Parser, "--prompt", "call mom", "--max-tokens", "4");
        var cpu = Tool.RunJson("generate", "--model", Tool.Parser, "--device", "cpu", "--prompt", "call mom", "--max-tokens", "4");
        Assert.Equal(cpu.GetProperty("text").GetString(), auto.GetProperty("text").GetString());
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("CUDA")]
    [InlineData("cuda:")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:99999999999")]
    [InlineData("cuda:0,1")]
    [InlineData("")]
    public void A_device_that_is_none_is_refused_with_those_there_are(string device)
    {
        foreach (var command in (string[][])[["generate", "--model", "m", "--prompt", "x"], ["bench", "--model", "m"], ["selftest"]])
        {
            var line = Tool.RunBad([.. command, "--device", device]);
            Assert.Contains($"--device is '{device}', expected auto, cpu, cuda or cuda:N", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_CPU_is_not_compared_with_itself() =>
        Assert.Contains("--device is 'cpu', expected a GPU", Tool.RunBad("selftest", "--device", "cpu"), StringComparison.Ordinal);

    [Theory]
    [InlineData("0")]
    [InlineData("10001")]
    [InlineData("many")]
    public void Selftest_runs_a_bounded_number_of_rounds(string rounds) =>
        Assert.Contains($"--rounds is '{rounds}'", Tool.RunBad("selftest", "--rounds", rounds), StringComparison.Ordinal);

    private static void RequireNoGpu() => Assert.SkipWhen(s_reason is null, "there is a GPU");
}
