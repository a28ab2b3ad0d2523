using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Bpe;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads <c>added_tokens</c>.</summary>
internal static class AddedTokensReader
{
    public static List<AddedToken> Read(JsonField field, Vocabulary vocabulary)
    {
        var tokens = new List<AddedToken>();
        var byId = vocabulary.Tokens.ToDictionary(token => token.Value, token => token.Key);
        var idLimit = Math.Min(ModelReader.IdLimit, vocabulary.Count + Vocabulary.MaxIdGap);
        var idsOfAdded = new Dictionary<string, int>();
        foreach (var item in field.Items())
        {
            var token = ReadToken(item, idLimit);
            var otherId = idsOfAdded.TryGetValue(token.Content, out var id) || vocabulary.TryGetId(token.Content, out id) ? id : token.Id;
            if (otherId != token.Id)
            {
                throw new CheckpointException(
                    $"{item.Origin}.id is {token.Id}, expected {otherId}, which {ErrorText.Quote(token.Content)} has elsewhere in the file.");
            }

            if (byId.TryGetValue(token.Id, out var other) && other != token.Content)
            {
                throw new CheckpointException(
                    $"{item.Origin}.content is {ErrorText.Quote(token.Content)}, expected {ErrorText.Quote(other)}, which has the id {token.Id} elsewhere in the file.");
            }

            byId[token.Id] = token.Content;
            if (idsOfAdded.TryAdd(token.Content, token.Id))
            {
                tokens.Add(token);
            }
        }

        return tokens;
    }

    private static AddedToken ReadToken(JsonField item, int idLimit)
    {
        var isSpecial = item.Find("special")?.AsBoolean() ?? false;
        return new AddedToken(
            item.Get("id", "an id").AsInteger(idLimit),
            item.Get("content", "the token's spelling").AsString(),
            isSpecial,
            IsNormalized: item.Find("normalized")?.AsBoolean() ?? !isSpecial,
            StripLeft: item.Find("lstrip")?.AsBoolean() ?? false,
            StripRight: item.Find("rstrip")?.AsBoolean() ?? false,
            IsSingleWord: item.Find("single_word")?.AsBoolean() ?? false);
    }
}
