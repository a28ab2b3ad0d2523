using System.Globalization;
using System.Text.Json;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Bpe;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads <c>model</c>: vocabulary, merges and switches of a BPE.</summary>
internal static class ModelReader
{
    /// <summary>No id may reach this, whatever else a file holds.</summary>
    public const int IdLimit = 1 << 24;

    public static BpeModel Read(JsonField model)
    {
        // GPT-2's own file predates the type.
        if (model.Find("type") is { } type && type.AsString() != "BPE")
        {
            throw type.Unexpected("'BPE', the one kind that is read: 'Unigram', 'WordPiece' and 'WordLevel' are not");
        }

        RequireAbsent(model, "continuing_subword_prefix");
        RequireAbsent(model, "end_of_word_suffix");
        if (model.Find("dropout") is { } dropout && !(dropout.Kind == JsonValueKind.Number && dropout.Element.GetDouble() == 0))
        {
            throw dropout.Unexpected("null: encoding must not be random");
        }

        var vocabulary = ReadVocabulary(model.Get("vocab", "an object of tokens and ids"));
        var merges = ReadMerges(model.Get("merges", "an array of merges"), vocabulary);
        return new BpeModel(vocabulary, merges, new BpeOptions
        {
            IgnoreMerges = model.Find("ignore_merges")?.AsBoolean() ?? false,
            ByteIds = model.Find("byte_fallback")?.AsBoolean() ?? false ? ByteIds(vocabulary) : null,
            FuseUnknown = model.Find("fuse_unk")?.AsBoolean() ?? false,
            UnknownId = model.Find("unk_token") is not { } unknown ? null
                : vocabulary.TryGetId(unknown.AsString(), out var id) ? id
                : throw unknown.Unexpected("a token of the vocabulary"),
        });
    }

    /// <summary>Reads an object of spellings and ids.</summary>
    public static Vocabulary ReadVocabulary(JsonField field)
    {
        field.RequireKind(JsonValueKind.Object, "an object of tokens and ids");
        var ids = new Dictionary<string, int>(field.Element.GetPropertyCount());
        var seen = new HashSet<int>(field.Element.GetPropertyCount());
        var limit = Math.Min(IdLimit, field.Element.GetPropertyCount() + Vocabulary.MaxIdGap);
        foreach (var entry in field.Element.EnumerateObject())
        {
            var name = entry.Name;
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id) || id < 0 || id >= limit)
            {
                throw new CheckpointException(
                    $"{field.Origin}: the id of {ErrorText.Quote(name)} is {ErrorText.Shorten(entry.Value.GetRawText())}, expected an integer from 0 to {limit - 1}.");
            }

            if (name.Length > Vocabulary.MaxTokenLength)
            {
                throw new CheckpointException(
                    $"{field.Origin}: token {id} is {name.Length} characters long, expected at most {Vocabulary.MaxTokenLength}.");
            }

            if (!seen.Add(id) || !ids.TryAdd(name, id))
            {
                throw new CheckpointException($"{field.Origin}: the token {ErrorText.Quote(name)} or its id {id} occurs twice, expected once each.");
            }
        }

        return new Vocabulary(ids);
    }

    /// <summary>Ids of the 256 tokens <c>&lt;0x00&gt;</c>..<c>&lt;0xFF&gt;</c>, -1 where one is missing.</summary>
    public static int[] ByteIds(Vocabulary vocabulary)
    {
        var ids = new int[256];
        for (var value = 0; value < ids.Length; value++)
        {
            ids[value] = vocabulary.TryGetId(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), out var id) ? id : -1;
        }

        return ids;
    }

    private static MergeTable ReadMerges(JsonField field, Vocabulary vocabulary)
    {
        field.RequireKind(JsonValueKind.Array, "an array of merges");
        var merges = new MergeTableBuilder(vocabulary, field.Origin);
        foreach (var item in field.Element.EnumerateArray())
        {
            try
            {
                if (item.ValueKind == JsonValueKind.String)
                {
                    merges.Add(item.GetString());
                }
                else if (item.ValueKind == JsonValueKind.Array && item.GetArrayLength() == 2
                    && item[0].ValueKind == JsonValueKind.String && item[1].ValueKind == JsonValueKind.String)
                {
                    merges.Add(item[0].GetString(), item[1].GetString());
                }
                else
                {
                    throw merges.Unexpected(item.GetRawText());
                }
            }
            catch (InvalidOperationException)
            {
                throw merges.Unexpected(item.GetRawText());
            }
        }

        return merges.Build();
    }

    private static void RequireAbsent(JsonField model, string name)
    {
        if (model.Find(name) is { } value && value.AsString().Length > 0)
        {
            throw value.Unexpected("null: word-piece marks are not supported");
        }
    }
}
