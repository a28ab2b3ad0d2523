using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Tokenization.Bpe;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>The merges that SentencePiece's scores imply: any two tokens whose text together is a third merge, the higher its score the earlier.</summary>
internal static class ScoredMerges
{
    // Bounds what hostile tokens take in time and memory; SentencePiece's own limits lie far below.
    private const int MaxTokenLength = 512;
    private const int MaxMerges = 1 << 22;

    private const char SpaceMark = '▁';

    /// <param name="metadata">The file's keys, for errors.</param>
    /// <param name="vocabulary">The tokens by spelling.</param>
    /// <param name="tokens">The tokens' spellings.</param>
    /// <param name="types">Their types: only normal tokens are made by merging.</param>
    /// <param name="scores">Their scores, none NaN.</param>
    /// <exception cref="CheckpointException">A token is too long, or there are too many merges.</exception>
    public static MergeTable Build(GgufMetadata metadata, Vocabulary vocabulary, string[] tokens, int[] types, float[] scores)
    {
        var merges = Splits(metadata.File, vocabulary, tokens, types);
        var ranks = Ranks(scores);
        var table = new MergeTable();
        foreach (var (left, right, merged) in merges)
        {
            table.Set(left, right, ranks[merged], merged);
        }

        return table;
    }

    /// <summary>Scores that imply a model's merges.</summary>
    /// <param name="origin">The file, for errors.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokens">The tokens' spellings by id.</param>
    /// <param name="types">Their types.</param>
    /// <exception cref="CheckpointException">No scores imply them.</exception>
    public static float[] ToScores(string origin, BpeModel model, string[] tokens, int[] types)
    {
        var merges = model.Merges.Entries().OrderBy(merge => merge.Rank).ToList();
        var scores = new float[tokens.Length];
        var scored = new HashSet<int>();
        for (var i = 0; i < merges.Count; i++)
        {
            var merged = merges[i].Merged;
            if (i > 0 && merges[i - 1].Merged == merged)
            {
                continue;
            }

            if (scored.Add(merged))
            {
                scores[merged] = -scored.Count;
            }
            else if (tokens[merged].AsSpan().ContainsAnyExcept(SpaceMark))
            {
                // All ways to make a token must stand together, since they share its score; only runs of spaces are listed otherwise.
                throw NotScored(origin);
            }
        }

        if (Splits(origin, model.Vocabulary, tokens, types).Count != merges.Count)
        {
            throw NotScored(origin);
        }

        for (var id = 0; id < tokens.Length; id++)
        {
            // What is never merged may score as low as anything.
            scores[id] = types[id] == (int)GgufTokenType.Normal && !scored.Contains(id) ? -scored.Count - 1 : scores[id];
        }

        return scores;
    }

    private static CheckpointException NotScored(string origin) =>
        new($"{origin}: model.merges are not those of a SentencePiece vocabulary with scores, which a GGUF file would need");

    private static List<(int Left, int Right, int Merged)> Splits(string origin, Vocabulary vocabulary, string[] tokens, int[] types)
    {
        var splits = new List<(int Left, int Right, int Merged)>();
        for (var id = 0; id < tokens.Length; id++)
        {
            if (types[id] == (int)GgufTokenType.Normal)
            {
                AddSplits(origin, vocabulary, tokens[id], id, splits);
            }
        }

        return splits;
    }

    private static void AddSplits(string origin, Vocabulary vocabulary, string token, int id, List<(int Left, int Right, int Merged)> splits)
    {
        if (token.Length > MaxTokenLength)
        {
            throw new CheckpointException($"{origin}: token {id} is {token.Length} characters long, expected at most {MaxTokenLength}");
        }

        for (var split = 1; split < token.Length; split++)
        {
            if (!vocabulary.TryGetId(token.AsSpan(0, split), out var left) || !vocabulary.TryGetId(token.AsSpan(split), out var right))
            {
                continue;
            }

            if (splits.Count == MaxMerges)
            {
                throw new CheckpointException($"{origin}: its tokens are made of others in more than {MaxMerges} ways");
            }

            splits.Add((left, right, id));
        }
    }

    /// <summary>0 for the highest score; equal scores share a rank, so that among them the leftmost pair merges first, as it must.</summary>
    private static int[] Ranks(float[] scores)
    {
        var ordered = Enumerable.Range(0, scores.Length).OrderByDescending(id => scores[id]).ToArray();
        var ranks = new int[scores.Length];
        for (var i = 1; i < ordered.Length; i++)
        {
            ranks[ordered[i]] = scores[ordered[i]] == scores[ordered[i - 1]] ? ranks[ordered[i - 1]] : i;
        }

        return ranks;
    }
}
