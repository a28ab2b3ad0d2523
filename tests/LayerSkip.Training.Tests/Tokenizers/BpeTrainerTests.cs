using System.Diagnostics;
using System.Text;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Training.Tokenizers;

namespace LayerSkip.Training.Tests.Tokenizers;

public class BpeTrainerTests
{
    private const int Bytes = 256;

    [Theory]
    [InlineData("ab", 1)]
    [InlineData("abc ", 2)]
    [InlineData("aaab  .1", 3)]
    [InlineData("the cat's 12 ... \n\t", 4)]
    [InlineData("äß ж漢😀é\u00A0", 5)]
    public void Merges_equal_those_of_naive_training(string alphabet, int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 40; round++)
        {
            var texts = RandomTexts(random, alphabet, count: random.Next(1, 8), maxLength: 40);
            var (merges, frequency, longest) = (random.Next(1, 40), random.Next(1, 4), random.Next(1, 9));
            string[] added = round % 3 == 0 ? [] : round % 3 == 1 ? [alphabet[..2]] : [alphabet[^1..] + alphabet[..1], alphabet[..1] + alphabet[..1]];

            var trained = BpeTrainer.Train(texts, new BpeTrainerOptions
            {
                VocabularySize = Bytes + merges + added.Length,
                MinPairFrequency = frequency,
                MaxTokenBytes = longest,
                AddedTokens = [.. added.Select(token => new AddedTokenOptions(token))],
            });

            var expected = NaiveBpe.Learn(texts, merges, frequency, longest, added)
                .Select(merge => $"{TrainedJson.Spell(merge.Left)} {TrainedJson.Spell(merge.Right)}");
            Assert.Equal(expected, TrainedJson.Merges(trained));
        }
    }

    [Fact]
    public void Equally_frequent_pairs_merge_in_order_of_their_ids()
    {
        // Each pair occurs twice: ab, ba, ca and, once ab is token 256, c + 256.
        var trained = Train(["ba ba ca ca", "ba", "ca", "ab ab ab"], Bytes + 3);

        Assert.Equal(["a b", "b a", "c a"], TrainedJson.Merges(trained));
    }

    [Fact]
    public void Of_overlapping_pairs_the_leftmost_merges()
    {
        var trained = Train(["aaaa", "aaaa"], Bytes + 2);

        Assert.Equal(["a a", "aa aa"], TrainedJson.Merges(trained));
        Assert.Equal([Bytes + 1, 'a'], trained.ToTokenizer().Encode("aaaaa"));
    }

    [Fact]
    public void Order_of_texts_changes_nothing()
    {
        var random = new Random(7);
        var texts = RandomTexts(random, "abcd eé.", count: 200, maxLength: 60);
        var shuffled = texts.ToArray();
        random.Shuffle(shuffled);

        Assert.Equal(TrainedJson.Bytes(Train(texts, 400)), TrainedJson.Bytes(Train(shuffled, 400)));
    }

    [Fact]
    public void Ids_are_bytes_then_merges_then_added_tokens()
    {
        var trained = Train(["low lower lowest", "low"], 300, new(" [IN:X"), new("<|end|>", IsSpecial: true));
        var tokenizer = trained.ToTokenizer();

        for (var value = 0; value < Bytes; value++)
        {
            Assert.Equal(1, tokenizer.GetToken(value)!.Length);
        }

        Assert.Equal(Bytes + trained.MergeCount + 2, trained.VocabularySize);
        Assert.Equal(2, trained.AddedTokenCount);
        Assert.Equal(trained.VocabularySize, tokenizer.VocabularySize);
        Assert.Equal(" [IN:X", tokenizer.GetToken(trained.VocabularySize - 2));
        Assert.Equal("<|end|>", tokenizer.GetToken(trained.VocabularySize - 1));
        Assert.False(tokenizer.IsSpecial(trained.VocabularySize - 2));
        Assert.True(tokenizer.IsSpecial(trained.VocabularySize - 1));
    }

    [Fact]
    public void Any_text_comes_back()
    {
        var random = new Random(8);
        const string Alphabet = "abc déß\u0000\n\r\t 漢字ж😀'.1²<|]";
        var tokenizer = Train(RandomTexts(random, Alphabet, 200, 80), 700, new(" ]"), new("<|end|>", true), new("<|")).ToTokenizer();
        foreach (var text in RandomTexts(random, Alphabet + "xyz€\u2028\uFEFF", 500, 120))
        {
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text), skipSpecialTokens: false));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, matching: AddedTokenMatching.None)));
        }
    }

    [Fact]
    public void Frequent_words_become_tokens()
    {
        var tokenizer = Train(Enumerable.Repeat(" set an alarm", 3).Append(" set").Append(" x"), 400).ToTokenizer();

        Assert.Equal(3, tokenizer.Encode(" set an alarm").Length);
        Assert.Equal(2, tokenizer.Encode(" x").Length); // a pair seen once is not merged
    }

    [Fact]
    public void Vocabulary_is_smaller_where_pairs_run_out()
    {
        var trained = Train(["ab", "ab", "cd"], 1000);

        Assert.Equal((1, Bytes + 1), (trained.MergeCount, trained.VocabularySize));
    }

    [Fact]
    public void No_text_gives_bytes_and_added_tokens()
    {
        foreach (var texts in (string[][])[[], [""], ["", "<|end|>", "<|end|><|end|>"]])
        {
            var trained = Train(texts, 500, new AddedTokenOptions("<|end|>", true));
            var tokenizer = trained.ToTokenizer();

            Assert.Equal((0, Bytes + 1), (trained.MergeCount, trained.VocabularySize));
            Assert.Equal([104, 105, Bytes], tokenizer.Encode("hi<|end|>"));
        }
    }

    [Fact]
    public void Nothing_is_learned_across_added_tokens()
    {
        var trained = Train(Enumerable.Repeat("x [IN:A y [IN:AB z ]<|end|>x ] ]", 20), 600, new(" [IN:A"), new(" [IN:AB"), new(" ]"), new("<|end|>", true));
        var tokenizer = trained.ToTokenizer();
        var first = trained.VocabularySize - 4;

        Assert.Equal(["Ġ y", "Ġ z"], TrainedJson.Merges(trained));
        Assert.Equal([.. tokenizer.Encode("x"), first, .. tokenizer.Encode(" y"), first + 1, first + 2, first + 3], tokenizer.Encode("x [IN:A y [IN:AB ]<|end|>"));
    }

    [Fact]
    public void No_merge_takes_the_spelling_of_an_added_token()
    {
        // " th" is spelled Ġth in the vocabulary, as the added token is in the text.
        var trained = Train(Enumerable.Repeat(" th", 5), 600, new AddedTokenOptions("Ġth"));
        var tokenizer = trained.ToTokenizer();

        Assert.Equal(1, trained.MergeCount);
        Assert.Equal([trained.VocabularySize - 1], tokenizer.Encode("Ġth"));
        Assert.Equal(" th", tokenizer.Decode(tokenizer.Encode(" th")));
    }

    [Fact]
    public void Lone_surrogates_count_as_replacement_characters()
    {
        var trained = Train(["a\uD800", "b\uDC00\uD83D", "\uDE00"], 300);

        Assert.Equal(TrainedJson.Bytes(Train(["a\uFFFD", "b\uFFFD\uFFFD", "\uFFFD"], 300)), TrainedJson.Bytes(trained));
    }

    [Fact]
    public void One_long_word_trains_in_time_near_its_length()
    {
        var random = new Random(9);
        var word = string.Create(1 << 18, random, static (word, random) =>
        {
            foreach (ref var letter in word)
            {
                letter = (char)('a' + random.Next(26));
            }
        });
        var watch = Stopwatch.StartNew();

        var trained = Train([word, new string('a', 1 << 18)], 2000);

        Assert.Equal(2000, trained.VocabularySize);
        Assert.True(watch.Elapsed < TimeSpan.FromMinutes(5), $"took {watch.Elapsed}");
    }

    [Fact]
    public void Training_can_be_cancelled()
    {
        using var source = new CancellationTokenSource();

        Assert.Throws<OperationCanceledException>(() => BpeTrainer.Train(Endless(), new BpeTrainerOptions { VocabularySize = 300 }, source.Token));

        IEnumerable<string> Endless()
        {
            for (var i = 0; ; i++)
            {
                if (i == 1000)
                {
                    source.Cancel();
                }

                yield return "text";
            }
        }
    }

    [Theory]
    [InlineData(255, 0, "VocabularySize must be at least 256")]
    [InlineData(257, 2, "VocabularySize must be at least 258: 256 bytes and 2 added tokens")]
    [InlineData(-1, 0, "VocabularySize")]
    [InlineData(int.MaxValue, 0, "VocabularySize must be 256 to 16777216")]
    public void Vocabulary_that_cannot_be_is_refused(int size, int added, string message)
    {
        var options = new BpeTrainerOptions
        {
            VocabularySize = size, AddedTokens = [.. Enumerable.Range(0, added).Select(i => new AddedTokenOptions($"<{i}>"))],
        };

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => BpeTrainer.Train([], options));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AddedTokens[1] is empty", "a1", "")]
    [InlineData("AddedTokens[2] is ' ]', which AddedTokens[0] is too", " ]", "x1", " ]")]
    [InlineData("AddedTokens[0] is ']', which already is the spelling of a byte", "]")]
    [InlineData("AddedTokens[0] is 'Ġ', which already is the spelling of a byte", "Ġ")]
    public void Added_tokens_that_cannot_be_are_refused(string message, params string[] added)
    {
        var error = Assert.Throws<ArgumentException>(() => Train([], 300, [.. added.Select(token => new AddedTokenOptions(token))]));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_bad_input_is_refused()
    {
        Assert.Contains("half a surrogate pair", Assert.Throws<ArgumentException>(() => Train([], 300, new AddedTokenOptions("a\uD83D"))).Message, StringComparison.Ordinal);
        Assert.Contains("2001", Assert.Throws<ArgumentException>(() => Train([], 300, new AddedTokenOptions(new string('x', 2001)))).Message, StringComparison.Ordinal);
        Assert.Contains("Text 1 is null", Assert.Throws<ArgumentException>(() => Train(["a", null!], 300)).Message, StringComparison.Ordinal);

        var options = new BpeTrainerOptions { VocabularySize = 300 };
        Assert.Throws<ArgumentOutOfRangeException>("MinPairFrequency", () => BpeTrainer.Train([], options with { MinPairFrequency = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>("MaxTokenBytes", () => BpeTrainer.Train([], options with { MaxTokenBytes = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>("MaxTokenBytes", () => BpeTrainer.Train([], options with { MaxTokenBytes = 65_537 }));
    }

    private static TrainedTokenizer Train(IEnumerable<string> texts, int size, params AddedTokenOptions[] added) =>
        BpeTrainer.Train(texts, new BpeTrainerOptions { VocabularySize = size, AddedTokens = added });

    private static string[] RandomTexts(Random random, string alphabet, int count, int maxLength)
    {
        var runes = alphabet.EnumerateRunes().ToArray();
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var text = new StringBuilder();
            for (var i = random.Next(maxLength + 1); i > 0; i--)
            {
                text.Append(random.GetItems(runes, 1)[0]);
            }

            return text.ToString();
        })];
    }
}
