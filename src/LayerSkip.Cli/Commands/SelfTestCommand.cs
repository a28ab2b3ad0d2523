using System.CommandLine;
using LayerSkip.Engine.Cuda;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip selftest</c>: whether a GPU computes what the CPU computes, and how fast it reads.</summary>
internal static class SelfTestCommand
{
    private const int DefaultRounds = 10;

    public static Command Create(Terminal terminal)
    {
        var device = new ModelArguments().Device;
        var rounds = CheckedOption.Integer("--rounds", "N", $"Random shapes to compare (default: {DefaultRounds}).", 1, 10_000);
        var command = new Command("selftest", "Compare a GPU's kernels with the CPU at random shapes, then decoding end to end, then measure its read bandwidth.")
        {
            device, rounds,
        };
        command.SetAction(arguments =>
        {
            var name = arguments.GetValue(device) ?? "cuda";
            int? ordinal = name.StartsWith("cuda:", StringComparison.Ordinal) ? int.Parse(name.AsSpan(5), System.Globalization.CultureInfo.InvariantCulture) : null;
            if (name == "cpu")
            {
                throw new UsageException("--device is 'cpu', expected a GPU: the CPU is what it is compared with");
            }

            var test = new SelfTest(new CudaDeviceProvider(), ordinal, line => terminal.Out.WriteLine(VisibleText.Line(line)));
            return test.Run(arguments.GetValue(rounds) ?? DefaultRounds, terminal.Interrupt.Command) ? CommandLine.Success : CommandLine.BadInput;
        });
        return command;
    }
}
