using System.Security.Cryptography;
using System.Buffers.Binary;
using LayerSkip.Training;
using LayerSkip.Training.Data;

namespace LayerSkip.Cli.Training;

/// <summary>The rows of one entry of a recipe's <c>data</c>, encoded.</summary>
/// <param name="Source">The entry.</param>
/// <param name="Sequences">At least one.</param>
/// <param name="Rows">Rows read, those left out not counted.</param>
/// <param name="Skipped">Rows left out because they are too long.</param>
internal sealed record RowSet(DataSource Source, IReadOnlyList<TrainingSequence> Sequences, int Rows, int Skipped)
{
    public TrainingSet TrainingSet => new(Sequences, Source.Share);

    /// <summary>Tokens of all sequences.</summary>
    public long Tokens => Sequences.Sum(sequence => (long)sequence.Tokens.Count);

    /// <summary>Reads and encodes an entry.</summary>
    /// <param name="source">The entry.</param>
    /// <param name="recipe">Says how parses are written, and what is done with long rows.</param>
    /// <param name="encoder">Encodes.</param>
    /// <param name="maxTokens">Most tokens of a sequence.</param>
    /// <param name="cancellationToken">Looked at between rows.</param>
    /// <exception cref="UsageException">A row is wrong or too long, or there is none; the message names file and line.</exception>
    public static RowSet Read(DataSource source, TrainingRecipe recipe, RowEncoder encoder, int maxTokens, CancellationToken cancellationToken)
    {
        var (sequences, rows, skipped) = (new List<TrainingSequence>(), 0, 0);
        var encoded = RowFile.Read(source, recipe.Form, recipe.Seed)
            .AsParallel().AsOrdered().WithCancellation(cancellationToken)
            .Select(row => (row.Source, Sequences: encoder.Encode(row, source.Loss)));
        try
        {
            foreach (var row in encoded)
            {
                if (Takes(row.Source, row.Sequences, recipe, maxTokens))
                {
                    rows++;
                    sequences.AddRange(row.Sequences.Select(sequence => sequence with { PromptWeight = source.PromptWeight }));
                }
                else
                {
                    skipped++;
                }
            }
        }
        catch (AggregateException e) when (e.InnerExceptions is [var first, ..])
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }

        return sequences.Count > 0 ? new RowSet(source, sequences, rows, skipped)
            : throw new UsageException($"{string.Join(", ", source.Files)}: {(skipped > 0 ? $"all {skipped} rows have more than {maxTokens} tokens" : "holds no row")}");
    }

    /// <summary>Whether a row is taken: false where it is too long, and the recipe leaves such rows out.</summary>
    /// <param name="source">File and line, for the error.</param>
    /// <param name="sequences">The row, encoded.</param>
    /// <param name="recipe">Says what is done with long rows.</param>
    /// <param name="maxTokens">Most tokens of a sequence.</param>
    /// <exception cref="UsageException">It is too long, and the recipe does not leave such rows out.</exception>
    public static bool Takes(string source, IReadOnlyList<TrainingSequence> sequences, TrainingRecipe recipe, int maxTokens)
    {
        var longest = sequences.Max(sequence => sequence.Tokens.Count);
        return longest <= maxTokens || (recipe.SkipTooLong
            ? false
            : throw new UsageException($"{source}: has {longest} tokens, expected at most {maxTokens}; \"too_long\": \"skip\" leaves such rows out"));
    }

    /// <summary>A hash of what is trained on: all tokens, and where the prompts end.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var bytes = new byte[sizeof(int)];
        void Append(int number)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
            hash.AppendData(bytes);
        }

        foreach (var sequence in Sequences)
        {
            Append(sequence.Tokens.Count);
            Append(sequence.PromptLength);
            foreach (var token in sequence.Tokens)
            {
                Append(token);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
