using LayerSkip.Cli.Prompts;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Tests.Prompts;

public class ConversationTests
{
    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(Tool.Parser);

    [Fact]
    public void History_is_rendered_anew_each_turn()
    {
        var conversation = Start(256);
        conversation.Ask("Turn off alarms", out _);
        conversation.Answer(" [IN:SILENCE_ALARM ]");

        var prompt = conversation.Ask("thanks", out var forgotten);

        Assert.Equal(0, forgotten);
        Assert.Equal(
            "<|begin|><|user|> Turn off alarms<|assistant|> [IN:SILENCE_ALARM ]<|end|><|user|> thanks<|assistant|>",
            s_tokenizer.Decode(prompt, skipSpecialTokens: false));

        // What the model said is its own vocabulary again.
        Assert.Equal([2302, 2195, 2298, 2303], prompt[5..9]);
    }

    [Fact]
    public void Oldest_turns_are_forgotten_when_the_context_is_full()
    {
        var conversation = Start(100);
        var cuts = 0;
        for (var turn = 0; turn < 30; turn++)
        {
            var prompt = conversation.Ask("Turn off alarms", out var forgotten);
            conversation.Answer(" [IN:SILENCE_ALARM ]");
            Assert.InRange(prompt.Length, 1, forgotten > 0 ? 37 : 75);
            cuts += forgotten > 0 ? 1 : 0;
        }

        // Not at each turn: what is left is read anew then.
        Assert.InRange(cuts, 1, 10);
    }

    [Fact]
    public void Message_that_never_fits_is_refused() =>
        Assert.Throws<UsageException>(() => Start(16).Ask(string.Concat(Enumerable.Repeat("alarm ", 50)), out _));

    [Fact]
    public void Message_that_never_fits_costs_no_history()
    {
        var conversation = Start(64);
        conversation.Ask("Turn off alarms", out _);
        conversation.Answer(" [IN:SILENCE_ALARM ]");

        Assert.Throws<UsageException>(() => conversation.Ask(string.Concat(Enumerable.Repeat("alarm ", 60)), out _));

        Assert.Equal(
            "<|begin|><|user|> Turn off alarms<|assistant|> [IN:SILENCE_ALARM ]<|end|><|user|> thanks<|assistant|>",
            s_tokenizer.Decode(conversation.Ask("thanks", out var forgotten), skipSpecialTokens: false));
        Assert.Equal(0, forgotten);
    }

    private static Conversation Start(int maxPositions)
    {
        using var interrupt = new Interrupt();
        var terminal = new Terminal(TextWriter.Null, TextWriter.Null, Stream.Null, interrupt);
        return new Conversation(ChatPrompt.Load(Tool.Parser, s_tokenizer, terminal), maxPositions, system: null);
    }
}
