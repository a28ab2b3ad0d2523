using System.Runtime.InteropServices;
using System.Text;
using LayerSkip.Cli;

Console.OutputEncoding = Encoding.UTF8;
using var interrupt = new Interrupt();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    EndUnless(interrupt.Raise());
};
using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    EndUnless(interrupt.End());
});
return CommandLine.Invoke(args, Terminal.OfProcess(interrupt));

static void EndUnless(bool isLookedAt)
{
    if (!isLookedAt)
    {
        // A progress bar or a table that is being drawn has hidden the cursor.
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write("\u001b[?25h");
        }

        Environment.Exit(CommandLine.Interrupted);
    }
}
