using System.Text;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Constraints;

/// <summary>Masks hold exactly the tokens whose text the language allows, in every family of tokenizers.</summary>
public class ConstraintTests
{
    public static TheoryData<string> Tokenizers => ["parser", "gpt2", "llama2", "sentencepiece", "byte-level"];

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void Masks_hold_the_tokens_that_keep_the_text_in_the_language(string name)
    {
        var tokenizer = Load(name);
        var random = new Random(3);
        var grammar = new Grammar();
        var json = new JsonGrammar(grammar, depth: 3);
        GrammarNode[] languages =
        [
            json.AnyValue(),
            grammar.Sequence(grammar.Literal("the é"), grammar.Repeat(grammar.OneOf([" a", "b", "ab "]), 1, 4)),
            grammar.Sequence(grammar.TextUntil("ing"), grammar.Literal("!")),
            grammar.Repeat(json.AnyString(), 0, 3),
            grammar.Sequence(grammar.Automaton(new Countdown(40)), grammar.Literal(".")),
        ];
        foreach (var language in languages)
        {
            var constraint = new TokenConstraint(language, tokenizer);
            for (var walk = 0; walk < 3; walk++)
            {
                var state = constraint.Start;
                var tokens = new List<int>();
                for (var step = 0; step < 12 && !state.IsComplete; step++)
                {
                    var mask = state.Mask;
                    var allowed = Enumerable.Range(0, tokenizer.VocabularySize).Where(mask.Contains).ToArray();
                    AssertExact(tokenizer, language, tokens, allowed, random);

                    // Asked about one token, a state says the same without a mask, but of special tokens, for which it asks to be looked at.
                    Assert.Equal(
                        allowed.Where(token => !tokenizer.IsSpecial(token)),
                        Enumerable.Range(0, tokenizer.VocabularySize + 2).Where(token => state.Allows(token, int.MaxValue)));
                    if (mask.Forced >= 0)
                    {
                        Assert.Contains(mask.Forced, allowed);
                    }

                    var token = mask.Forced >= 0 ? mask.Forced : allowed[random.Next(allowed.Length)];
                    tokens.Add(token);
                    state = state.Next(token);
                    Assert.Equal(After(language, tokenizer, tokens).IsNullable, state.CanEnd);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void What_can_be_completed_is_completed_in_as_many_tokens(string name)
    {
        var tokenizer = Load(name);
        var random = new Random(7);
        var grammar = new Grammar();
        var json = new JsonGrammar(grammar, depth: 3);
        GrammarNode[] languages =
        [
            json.AnyObject(),
            grammar.Literal("the whole answer, word for word: é€😀"),
            grammar.Sequence(grammar.Literal("the é"), grammar.Repeat(grammar.OneOf([" another", "ab ", "abb", "the end of the song"]), 2, 4)),
            grammar.Sequence(grammar.TextUntil("ing the"), grammar.Literal("!!")),
            grammar.Aside("<think>", "</think>", grammar.OneOf(["yes indeed", "no, thank you"]), grammar.TextUntil("<tool_call>")),
        ];
        foreach (var language in languages)
        {
            var constraint = new TokenConstraint(language, tokenizer);
            for (var walk = 0; walk < 20; walk++)
            {
                var state = constraint.Start;
                for (var left = state.Completions.Least + random.Next(4); ; left--)
                {
                    Assert.InRange(state.Completions.Most, 0, state.Mask.MaxRemainder);
                    int[] possible = [.. Enumerable.Range(0, tokenizer.VocabularySize).Where(token => state.Completions.Allows(token, left))];
                    Assert.All(possible, token => Assert.True(state.Mask.Contains(token)));
                    Assert.Empty(Enumerable.Range(0, tokenizer.VocabularySize).Where(token => state.Allows(token, left)).Except(possible));
                    Assert.True(state.Mask.Forced < 0 || possible.Contains(state.Mask.Forced));
                    if (possible.Length == 0)
                    {
                        Assert.True(state.CanEnd, $"nothing can be completed in {left} tokens");
                        break;
                    }

                    state = state.Next(state.Mask.Forced >= 0 ? state.Mask.Forced : possible[random.Next(possible.Length)]);
                }
            }
        }
    }

    [Fact]
    public void A_text_takes_as_many_tokens_to_complete_as_spell_it()
    {
        var grammar = new Grammar();
        var text = "{\"number of things\":\"\",\"name of the reminder\":\"\"}";
        foreach (var name in (string[])["parser", "llama2"])
        {
            var tokenizer = Load(name);
            var constraint = new TokenConstraint(grammar.Literal(text), tokenizer);
            var (state, count) = (constraint.Start, 0);
            for (; state.Mask.Forced is >= 0 and var token; count++)
            {
                state = state.Next(token);
            }

            Assert.True(state.IsComplete);
            Assert.Equal(count, constraint.Start.Completions.Least + 1);
            Assert.InRange(count, 1, text.Length / 2);
        }
    }

    [Fact]
    public void A_completion_too_long_to_count_is_counted_in_bytes_down_to_where_it_is_not()
    {
        var grammar = new Grammar();
        var constraint = new TokenConstraint(grammar.Repeat(grammar.Literal("abc "), 2000, 2000), TestTokenizers.Parser);
        var (state, left) = (constraint.Start, constraint.Start.Completions.Least);
        Assert.InRange(left, 4096, 8000);
        for (; !state.CanEnd; left--)
        {
            Assert.True(state.Completions.Allows(state.Mask.Forced, left), $"{left} tokens left, {state.Node.MinBytes} bytes to come");
            state = state.Next(state.Mask.Forced);
        }
    }

    [Fact]
    public void Points_behind_a_special_token_at_the_start_are_remembered()
    {
        var tokenizer = TestTokenizers.Parser;
        Assert.True(tokenizer.TryGetId("<|user|>", out var user));
        Assert.True(tokenizer.TryGetId("<|assistant|>", out var assistant));
        var grammar = new Grammar();
        var constraint = new TokenConstraint(grammar.Sequence(grammar.SpecialToken(user), grammar.TextUntil(".")), tokenizer);
        var state = constraint.Start.Next(user);
        Assert.True(state.IsStart);
        Assert.Same(state, constraint.Start.Next(user));
        Assert.Same(state.Next(assistant), state.Next(assistant));
        Assert.Same(state.Mask, state.Next(assistant).Mask);

        // Behind text the same language is another point: other tokens spell what follows.
        Assert.NotSame(state, state.Next(tokenizer.Encode("a", addSpecialTokens: false)[0]));
    }

    [Fact]
    public void Special_tokens_stand_in_free_text_and_where_they_are_named_alone()
    {
        var tokenizer = TestTokenizers.Parser;
        Assert.True(tokenizer.TryGetId("<|user|>", out var user));
        Assert.True(tokenizer.TryGetId("<|assistant|>", out var assistant));
        var grammar = new Grammar();
        var constraint = new TokenConstraint(grammar.Sequence(grammar.TextUntil("."), grammar.SpecialToken(user), grammar.Literal("x")), tokenizer);
        Assert.True(constraint.Start.Mask.Contains(user) && constraint.Start.Mask.Contains(assistant));

        var dot = tokenizer.Encode(".", addSpecialTokens: false)[0];
        var after = constraint.Start.Next(assistant).Next(dot);
        Assert.Equal((1, user), (after.Mask.Count, after.Mask.Forced));
        Assert.False(after.Next(user).Mask.Contains(assistant));
    }

    [Fact]
    public void Aside_is_free_text_and_what_stands_behind_it_or_else_is_not()
    {
        var grammar = new Grammar();
        var behind = grammar.OneOf(["yes", "no"]);
        var language = grammar.Aside("<t>", "</t>", behind, grammar.Choice(grammar.TextWithout("<call>"), grammar.Sequence(grammar.TextUntil("<call>"), behind)));
        string[] parts = ["<t>", "</t>", "<call>", "yes", "no", " ", "\n", "<", "t", "x"];
        var random = new Random(5);
        for (var round = 0; round < 5000; round++)
        {
            var text = string.Concat(random.GetItems(parts, random.Next(7)));
            var begun = text.TrimStart(' ', '\t', '\n', '\r');
            var isAside = begun.StartsWith("<t>", StringComparison.Ordinal);
            var mark = isAside ? "</t>" : "<call>";
            var end = text.IndexOf(mark, StringComparison.Ordinal);
            var rest = end < 0 ? null : text[(end + mark.Length)..];

            Assert.Equal(rest is "yes" or "no" || (rest is null && !isAside), language.Holds(text));
        }
    }

    [Fact]
    public void Counted_strings_share_their_masks()
    {
        var grammar = new Grammar();
        var constraint = new TokenConstraint(
            grammar.Sequence(grammar.Literal("<"), grammar.Repeat(grammar.OneOf(["a", "b", "c"]), 0, 5000), grammar.Literal(">")), TestTokenizers.Parser);
        var a = TestTokenizers.Parser.Encode("a", addSpecialTokens: false)[0];
        var state = constraint.Start.Next(TestTokenizers.Parser.Encode("<", addSpecialTokens: false)[0]);
        for (var i = 0; i < 3000; i++)
        {
            Assert.True(state.Mask.Contains(a));
            state = state.Next(a);
        }

        Assert.InRange(constraint.MaskCount, 1, 5);
    }

    /// <summary>By brute force: the bytes of the tokens, one after another, for some tokens that are allowed and some that are not.</summary>
    private static void AssertExact(Tokenizer tokenizer, GrammarNode language, List<int> tokens, int[] allowed, Random random)
    {
        var set = allowed.ToHashSet();
        for (var i = 0; i < 300; i++)
        {
            var token = i < allowed.Length && i < 100 ? allowed[random.Next(allowed.Length)] : random.Next(tokenizer.VocabularySize);
            if (tokenizer.IsSpecial(token))
            {
                continue;
            }

            var text = Text(tokenizer, tokens, token);
            var expected = text.Length > 0 && !After(language, tokenizer, [.. tokens, token]).IsNothing;
            Assert.True(expected == set.Contains(token), $"'{tokenizer.GetToken(token)}' after '{tokenizer.Decode([.. tokens])}'");
        }
    }

    private static GrammarNode After(GrammarNode language, Tokenizer tokenizer, List<int> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            if (tokenizer.IsSpecial(tokens[i]))
            {
                continue;
            }

            foreach (var value in Text(tokenizer, tokens[..i], tokens[i]))
            {
                language = language.Next(value);
            }
        }

        return language;
    }

    /// <summary>What a token adds to the text of those before it.</summary>
    private static byte[] Text(Tokenizer tokenizer, List<int> before, int token)
    {
        var isFirst = before.All(tokenizer.IsSpecial);
        var bytes = tokenizer.BytesOf(token, isFirst).ToArray();

        // What Llama's decoder strips from the start of a text.
        return isFirst && bytes is [(byte)' ', .. var rest] && tokenizer.Decode([token]) == Encoding.UTF8.GetString(rest) ? rest : bytes;
    }

    private static Tokenizer Load(string name) => name switch
    {
        "parser" => TestTokenizers.Parser,
        "sentencepiece" => TestTokenizers.Load(TestTokenizers.SentencePiece(["▁", "▁the", "▁é", "{\"", "\":", "ing", "▁a", "ab", "▁\"", "true", "}}"])),
        "byte-level" => TestTokenizers.Load(TestTokenizers.ByteLevel("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""")),
        _ => Tokenizer.Load(SharedData.Require($"tokenizers/{name}")),
    };

    /// <summary>As many bytes as are left, of which the last is a letter.</summary>
    private sealed record Countdown(int Left) : TextState
    {
        public override int MinBytes => Left;

        public override ByteSet NextBytes => Left switch { 0 => ByteSet.None, 1 => ByteSet.Of("stuvw"), _ => ByteSet.Range('a', 'z') | ByteSet.Of(" .,") | ByteSet.Range(0xC0, 0xFF) };

        public override TextState After(byte value) => new Countdown(Left - 1);
    }
}
