using System.Text;
using LayerSkip.Cli;

Console.OutputEncoding = Encoding.UTF8;
using var interrupt = new Interrupt();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    interrupt.Raise();
};
return CommandLine.Invoke(args, Terminal.OfProcess(interrupt));
