using Spectre.Console;

namespace LayerSkip.Cli;

/// <summary>Loads or computes something; where that takes over a second and someone watches, with a progress bar on the error output.</summary>
internal static class Loading
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(100);

    /// <summary>Loads.</summary>
    /// <param name="terminal">Where the bar is drawn; its Ctrl-C ends the loading.</param>
    /// <param name="title">What stands before the bar.</param>
    /// <param name="load">Loads, and reports the share done, 0..1.</param>
    public static T Run<T>(Terminal terminal, string title, Func<IProgress<double>, CancellationToken, T> load)
    {
        var share = new Share();
        var loading = Task.Run(() => load(share, terminal.Interrupt.Command));
        if (terminal.IsErrorInteractive && Task.WaitAny([loading], s_patience) < 0)
        {
            terminal.ErrorConsole.Progress().AutoClear(true).Start(context =>
            {
                var bar = context.AddTask(Markup.Escape(VisibleText.Line(title)), maxValue: 1);
                do
                {
                    bar.Value = share.Value;
                }
                while (Task.WaitAny([loading], s_refresh) < 0);
            });
        }

        return loading.GetAwaiter().GetResult();
    }

    private sealed class Share : IProgress<double>
    {
        private double _value;

        public double Value => Volatile.Read(ref _value);

        public void Report(double value) => Volatile.Write(ref _value, value);
    }
}
