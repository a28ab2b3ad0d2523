using System.Globalization;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Bpe;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads <c>added_tokens</c> of <c>tokenizer.json</c> or <c>added_tokens_decoder</c> of <c>tokenizer_config.json</c>, which has the ids as names.</summary>
internal static class AddedTokensReader
{
    public static List<AddedToken> Read(JsonField field, Vocabulary vocabulary)
    {
        var idLimit = IdLimit(vocabulary);
        return Collect(field.Items().Select(item => (item, ReadToken(item, item.Get("id", "an id").AsInteger(idLimit)))), vocabulary);
    }

    public static List<AddedToken> ReadDecoder(JsonField field, Vocabulary vocabulary) => Collect(Entries(field, vocabulary), vocabulary);

    /// <summary>What <c>added_tokens_decoder</c> lists, as it stands there: by other ids, perhaps, than the tokens have elsewhere.</summary>
    public static IEnumerable<AddedToken> ReadEntries(JsonField field, Vocabulary vocabulary) => Entries(field, vocabulary).Select(entry => entry.Token);

    private static IEnumerable<(JsonField Item, AddedToken Token)> Entries(JsonField field, Vocabulary vocabulary)
    {
        var idLimit = IdLimit(vocabulary);
        return field.Properties().Select(entry => (entry.Value, ReadToken(entry.Value, ReadId(entry.Key, entry.Value))));

        int ReadId(string name, JsonField item) => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id < idLimit
            ? id
            : throw new CheckpointException($"{item.Origin} is named {ErrorText.Quote(name)}, expected an integer from 0 to {idLimit - 1}.");
    }

    private static int IdLimit(Vocabulary vocabulary) => Math.Min(ModelReader.IdLimit, vocabulary.Count + Vocabulary.MaxIdGap);

    private static List<AddedToken> Collect(IEnumerable<(JsonField Item, AddedToken Token)> entries, Vocabulary vocabulary)
    {
        var tokens = new List<AddedToken>();
        var byId = vocabulary.Tokens.ToDictionary(token => token.Value, token => token.Key);
        var idsOfAdded = new Dictionary<string, int>();
        foreach (var (item, token) in entries)
        {
            var otherId = idsOfAdded.TryGetValue(token.Content, out var id) || vocabulary.TryGetId(token.Content, out id) ? id : token.Id;
            if (otherId != token.Id)
            {
                throw new CheckpointException(
                    $"{item.Origin}.id is {token.Id}, expected {otherId}, which {ErrorText.Quote(token.Content)} has elsewhere.");
            }

            if (byId.TryGetValue(token.Id, out var other) && other != token.Content)
            {
                throw new CheckpointException(
                    $"{item.Origin}.content is {ErrorText.Quote(token.Content)}, expected {ErrorText.Quote(other)}, which has the id {token.Id} elsewhere.");
            }

            byId[token.Id] = token.Content;
            if (idsOfAdded.TryAdd(token.Content, token.Id))
            {
                tokens.Add(token);
            }
        }

        return tokens;
    }

    private static AddedToken ReadToken(JsonField item, int id)
    {
        var isSpecial = item.Find("special")?.AsBoolean() ?? false;
        return new AddedToken(
            id,
            item.Get("content", "the token's spelling").AsString(),
            isSpecial,
            IsNormalized: item.Find("normalized")?.AsBoolean() ?? !isSpecial,
            StripLeft: item.Find("lstrip")?.AsBoolean() ?? false,
            StripRight: item.Find("rstrip")?.AsBoolean() ?? false,
            IsSingleWord: item.Find("single_word")?.AsBoolean() ?? false);
    }
}
