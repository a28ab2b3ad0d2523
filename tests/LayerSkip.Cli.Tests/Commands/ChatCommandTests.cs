using System.Text;
using Spectre.Console;

namespace LayerSkip.Cli.Tests.Commands;

public class ChatCommandTests
{
    private const string Answer = "[IN:SILENCE_ALARM ]";

    [Fact]
    public void Pipe_gets_answers_alone_and_statistics_at_the_end()
    {
        var result = Tool.RunWithInput("Turn off alarms\n\nTurn off alarms\n", "chat", "--model", Tool.Parser);

        Assert.Equal(0, result.ExitCode);
        var answers = result.Output.TrimEnd().Split('\n');
        Assert.Equal(2, answers.Length);
        Assert.Equal(Answer, answers[0].TrimEnd('\r'));
        Assert.DoesNotContain('>', result.Output);
        Assert.StartsWith("2 answers, ", result.Error, StringComparison.Ordinal);
        Assert.Contains("drafted tokens accepted", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Grounded_answers_have_each_messages_own_words()
    {
        var input = $"Change my 6 am alarm to 6:13\n/new\n{string.Concat(Enumerable.Repeat("a ", 1025))}\nTurn off alarms\n";
        var result = Tool.RunWithInput(input, "chat", "--model", Tool.Parser, "--grounded");

        Assert.Equal(CommandLine.BadInput, result.ExitCode);
        var answers = result.Output.TrimEnd().Split('\n');
        Assert.Equal(2, answers.Length);
        Assert.Contains("6 : 13", answers[0], StringComparison.Ordinal);
        Assert.StartsWith("[IN:", answers[1], StringComparison.Ordinal);
        Assert.Contains("the message has 1025 words, expected at most 1024 with --grounded", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("6 : 13", Tool.RunWithInput(input, "chat", "--model", Tool.Parser).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reader_that_leaves_ends_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there the standard output says nothing");
        using var process = Tool.Start("chat", "--model", Tool.Parser);
        await process.StandardInput.WriteLineAsync("Turn off alarms");
        await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Answer, await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        process.StandardOutput.Close();

        // Its input never ends by itself.
        await process.StandardInput.WriteLineAsync("Turn off alarms");
        await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);

        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(CommandLine.OutputClosed, process.ExitCode);
    }

    [Fact]
    public void Later_turns_go_on_from_what_earlier_ones_have_computed()
    {
        var one = Tool.RunWithInput("Turn off alarms\n", "chat", "--model", Tool.Parser);
        Assert.DoesNotContain("known from earlier turns", one.Error, StringComparison.Ordinal);

        // Drafted or not, the answers are the same.
        var many = Tool.RunWithInput("Turn off alarms\nPlease snooze\nwake me up at 7\n", "chat", "--model", Tool.Parser);
        Assert.Matches(@", \d+ of \d+ prompt tokens known from earlier turns; ", many.Error);
        var full = Tool.RunWithInput("Turn off alarms\nPlease snooze\nwake me up at 7\n", "chat", "--model", Tool.Parser, "--mode", "autoregressive");
        Assert.Equal(full.Output, many.Output);
    }

    [Fact]
    public void A_message_that_the_template_refuses_does_not_end_the_conversation()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        File.WriteAllText(
            checkpoint.PathOf("chat_template.jinja"),
            "{% for m in messages %}{% if m.content == 'no' %}{{ raise_exception('not that') }}{% endif %}{{ m.content }}{% endfor %}");

        var result = Tool.RunWithInput("no\nyes\n", "chat", "--model", checkpoint.Directory, "--max-tokens", "3");

        Assert.Equal(CommandLine.BadInput, result.ExitCode);
        Assert.Contains("not that", Assert.Single(result.Error.Split('\n'), line => line.StartsWith("layerskip: ", StringComparison.Ordinal) && !line.Contains("note:", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.NotEmpty(result.Output.Trim());
    }

    [Fact]
    public void Terminal_gets_prompts()
    {
        using var interrupt = new Interrupt();
        using var output = new StringWriter();
        using var input = Tool.Input("Turn off alarms\n");
        var terminal = new Terminal(output, TextWriter.Null, input, interrupt) { IsInputInteractive = true };

        Assert.Equal(0, CommandLine.Invoke(["chat", "--model", Tool.Parser], terminal));
        Assert.Equal($"> {Answer}\n> ", output.ToString().ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Draft_is_shown_in_colours_on_a_terminal_only()
    {
        // A parse of which some drafts are rejected.
        const string Utterance = "Set an alarm for no specific time";
        string[] command = ["chat", "--model", Tool.ReferenceParser, "--show-draft", "--exit-layer", "3", "--num-speculations", "6"];
        var plain = Tool.RunWithInput(Utterance, command).Output.TrimEnd();
        Assert.DoesNotContain('\u001b', plain);

        using var interrupt = new Interrupt();
        using var output = new StringWriter();
        using var input = Tool.Input(Utterance);
        var terminal = new Terminal(output, TextWriter.Null, input, interrupt)
        {
            IsOutputInteractive = true,
            OutConsole = AnsiConsole.Create(new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.Yes, ColorSystem = ColorSystemSupport.Standard, Out = new AnsiConsoleOutput(output),
            }),
        };
        Assert.Equal(0, CommandLine.Invoke(command, terminal));

        var runs = output.ToString().Split("\u001b[", StringSplitOptions.RemoveEmptyEntries)
            .Select(run => (Code: run[..run.IndexOf('m', StringComparison.Ordinal)], Text: run[(run.IndexOf('m', StringComparison.Ordinal) + 1)..])).ToArray();
        Assert.True(runs.Select(run => run.Code).Where(code => code != "0").Distinct().Count() == 3, "expected three styles");
        var struckThrough = runs.ToLookup(run => run.Code.Split(';').Contains("9"), run => run.Text);
        Assert.NotEmpty(string.Concat(struckThrough[true]));
        Assert.Equal(plain, string.Concat(struckThrough[false]).TrimEnd());
    }

    [Fact]
    public void Terminal_without_colours_gets_the_answer_as_text()
    {
        using var interrupt = new Interrupt();
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var input = Tool.Input("Turn off alarms\n");
        var terminal = new Terminal(output, error, input, interrupt)
        {
            IsOutputInteractive = true,
            OutConsole = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) }),
        };

        Assert.Equal(0, CommandLine.Invoke(["chat", "--model", Tool.Parser, "--show-draft"], terminal));

        Assert.Equal(Answer, output.ToString().TrimEnd());
        Assert.Contains("--show-draft has no effect: the terminal has no colours", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void New_conversation_knows_nothing_of_the_one_before()
    {
        const string Utterance = "remind me to call mom at 5 pm";
        string[] command = ["chat", "--model", Tool.Parser];
        var alone = Tool.RunWithInput(Utterance, command).Output;

        var result = Tool.RunWithInput($"Turn off alarms\n /new \n{Utterance}\n", command);

        Assert.Equal(Answer + Environment.NewLine + alone, result.Output);
        Assert.Contains("the conversation begins anew", result.Error, StringComparison.Ordinal);
        Assert.Contains("2 answers, ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void First_interrupt_stops_the_answer_and_the_chat_goes_on()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        using var interrupt = new Interrupt();
        using var output = new InterruptingWriter(interrupt, atWrite: 1, times: 1);
        using var error = new StringWriter();
        using var input = Tool.Input("first\nsecond\n");

        var exitCode = CommandLine.Invoke(
            ["chat", "--model", checkpoint.Directory, "--max-tokens", "8"], new Terminal(output, error, input, interrupt));

        Assert.Equal(0, exitCode);
        Assert.StartsWith("2 answers, 9 tokens", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Second_interrupt_ends_the_chat_with_statistics_and_130()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        using var interrupt = new Interrupt();
        using var output = new InterruptingWriter(interrupt, atWrite: 1, times: 2);
        using var error = new StringWriter();
        using var input = Tool.Input("first\nsecond\n");

        var exitCode = CommandLine.Invoke(
            ["chat", "--model", checkpoint.Directory, "--max-tokens", "8"], new Terminal(output, error, input, interrupt));

        Assert.Equal(CommandLine.Interrupted, exitCode);
        Assert.StartsWith("1 answer, 1 token ", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Message_longer_than_the_context_is_one_line()
    {
        var result = Tool.RunWithInput(string.Concat(Enumerable.Repeat("alarm ", 500)), "chat", "--model", Tool.Parser);

        Assert.Equal((CommandLine.BadInput, ""), (result.ExitCode, result.Output));
        Assert.Matches("layerskip: the message makes a prompt of [0-9]+ tokens", result.Error);
    }

    /// <summary>Presses Ctrl-C while an answer is written.</summary>
    private sealed class InterruptingWriter(Interrupt interrupt, int atWrite, int times) : StringWriter
    {
        private int _writes;

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(string? value)
        {
            base.Write(value);
            if (++_writes == atWrite)
            {
                for (var i = 0; i < times; i++)
                {
                    interrupt.Raise();
                }
            }
        }
    }
}
