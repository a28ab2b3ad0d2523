using System.Text.Json;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads <c>post_processor</c>: the special tokens around a single text.</summary>
internal static class PostProcessorReader
{
    // Real ones put one or two; every id that a file names again and again would count.
    private const int MaxTokens = 64;

    private const string Expected = "'TemplateProcessing', 'ByteLevel' or 'Sequence'";

    /// <param name="field">The post-processor.</param>
    /// <param name="ids">All ids that have a token.</param>
    public static SpecialTokenTemplate Read(JsonField field, IReadOnlySet<int> ids)
    {
        switch (field.AsType(Expected))
        {
            case "ByteLevel": // concerns character offsets alone
                return new SpecialTokenTemplate([], []);
            case "TemplateProcessing":
                return ReadTemplate(field, ids);
            case "Sequence":
                var (before, after) = (new List<int>(), new List<int>());
                foreach (var step in field.Get("processors", "an array of post-processors").Items())
                {
                    var template = Read(step, ids);
                    if (Math.Max(before.Count + template.Before.Count, after.Count + template.After.Count) > MaxTokens)
                    {
                        throw TooMany(step);
                    }

                    before.InsertRange(0, template.Before);
                    after.AddRange(template.After);
                }

                return new SpecialTokenTemplate(before, after);
            default:
                throw field.Get("type", Expected).Unexpected(Expected);
        }
    }

    private static SpecialTokenTemplate ReadTemplate(JsonField field, IReadOnlySet<int> ids)
    {
        const string ExpectedItem = "a 'SpecialToken' or the 'Sequence' A, once";
        var (before, after) = (new List<int>(), new List<int>());
        var current = before;
        var single = field.Get("single", "an array of template items");
        Dictionary<string, JsonField>? specialTokens = null;
        foreach (var item in single.Items())
        {
            if (item.Find("SpecialToken") is { } special)
            {
                var name = special.Get("id", "a special token's name").AsString();
                var allTokens = field.Get("special_tokens", "an object of special tokens");
                specialTokens ??= allTokens.Properties();
                var token = specialTokens.TryGetValue(name, out var found) ? found : throw allTokens.Missing(name, "the ids of this special token");
                foreach (var id in token.Get("ids", "an array of ids").Items())
                {
                    var value = id.AsInteger(ModelReader.IdLimit);
                    current.Add(
                        !ids.Contains(value) ? throw id.Unexpected("a token's id")
                        : current.Count == MaxTokens ? throw TooMany(item)
                        : value);
                }
            }
            else if (current == before && item.Find("Sequence")?.Find("id") is { Kind: JsonValueKind.String } text && text.AsString() == "A")
            {
                current = after;
            }
            else
            {
                throw item.Unexpected(ExpectedItem);
            }
        }

        return current == after ? new SpecialTokenTemplate(before, after) : throw single.Unexpected("a template with the 'Sequence' A");
    }

    private static CheckpointException TooMany(JsonField field) => field.Unexpected($"no more than {MaxTokens} tokens before a text, and as many behind it");
}
