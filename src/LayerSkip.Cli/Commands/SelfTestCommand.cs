using System.CommandLine;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Cuda.Verification;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip selftest</c>: whether a GPU computes what the CPU computes, and how fast it reads.</summary>
internal static class SelfTestCommand
{
    private const int DefaultRounds = 10;

    public static Command Create(Terminal terminal)
    {
        var device = ModelArguments.DeviceOption();
        device.Description = "Which GPU: auto or cuda, the first usable one (default), or cuda:N, as 'layerskip devices' numbers them.";
        var rounds = CheckedOption.Integer("--rounds", "N", $"Random shapes of each kernel and weight format, and random models (default: {DefaultRounds}).", 1, 10_000);
        var json = new Option<bool>("--json") { Description = "Print one JSON object (default: lines)." };
        var command = new Command("selftest", "Check each of a GPU's kernels at random shapes, then compare decoding end to end with the CPU, then measure its memory's speed.")
        {
            device, rounds, json,
        };
        command.SetAction(arguments =>
        {
            var name = arguments.GetValue(device) ?? "cuda";
            int? ordinal = name.StartsWith("cuda:", StringComparison.Ordinal) ? int.Parse(name.AsSpan(5), System.Globalization.CultureInfo.InvariantCulture) : null;
            if (name == "cpu")
            {
                throw new UsageException("--device is 'cpu', expected a GPU: the CPU is what it is compared with");
            }

            return Run(new SelfTest(new CudaDeviceProvider(), ordinal, KernelLimits.OfModels), arguments.GetValue(rounds) ?? DefaultRounds, arguments.GetValue(json), terminal);
        });
        return command;
    }

    /// <summary>Runs it, and prints what it finds as soon as it is found.</summary>
    /// <returns>The exit code.</returns>
    internal static int Run(SelfTest test, int rounds, bool json, Terminal terminal)
    {
        void Say(string line)
        {
            if (!json)
            {
                terminal.Out.WriteLine(VisibleText.Line(line));
            }
        }

        var cancellation = terminal.Interrupt.Command;
        Say($"{test.Device.Name}, compute capability {test.Device.ComputeCapability}, CUDA {test.Driver.VersionText}: {Quantity.Of(KernelCases.Families.Count, "kernel")}");
        var kernels = new List<KernelCheckReport>();
        foreach (var found in test.CheckKernels(rounds, KernelCases.Families, cancellation))
        {
            kernels.Add(KernelCheckReport.Of(found));
            Say(SelfTestText.Of(kernels[^1]));
        }

        // Where the device is lost, models would only say so once more.
        var models = new List<ModelCheckReport>();
        foreach (var found in test.IsLost ? [] : test.CheckModels(rounds, cancellation))
        {
            models.Add(ModelCheckReport.Of(found));
            Say(SelfTestText.Of(models[^1]));
        }

        var passed = !test.IsLost && kernels.All(kernel => kernel.Passed) && models.All(model => model.Passed);
        var memory = passed && test.Measure() is { } speed ? MemorySpeedReport.Of(speed) : null;
        if (passed)
        {
            Say(SelfTestText.Of(memory));
        }

        var report = new SelfTestReport(
            test.Device.Name, test.Device.ComputeCapability.ToString(), $"CUDA {test.Driver.VersionText}", rounds, passed, kernels, models, memory);
        Say(SelfTestText.Summary(report));
        if (json)
        {
            ReportJson.Write(terminal.Out, report, ReportJson.Instance.SelfTestReport);
        }

        return passed ? CommandLine.Success : CommandLine.Mismatch;
    }
}
