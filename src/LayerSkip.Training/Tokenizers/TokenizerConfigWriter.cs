using System.Globalization;
using System.Text.Json;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Training.Tokenizers;

/// <summary>Writes <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>, which tell Hugging Face's libraries and chat templates the control tokens.</summary>
internal sealed class TokenizerConfigWriter
{
    private readonly TokenizerConfig _config;
    private readonly IReadOnlyList<AddedToken> _addedTokens;
    private readonly List<(string Name, string Content)> _named = [];

    /// <exception cref="ArgumentException">The configuration names a token that is no special one.</exception>
    public TokenizerConfigWriter(TokenizerConfig config, IReadOnlyList<AddedToken> addedTokens)
    {
        _config = config;
        _addedTokens = addedTokens;
        Name("bos_token", nameof(config.BeginOfSequence), config.BeginOfSequence);
        Name("eos_token", nameof(config.EndOfSequence), config.EndOfSequence);
        Name("pad_token", nameof(config.Padding), config.Padding);
    }

    public void WriteConfig(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, TokenizerJsonWriter.Format);
        json.WriteStartObject();
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        WriteSpecialTokens(json);
        if (_config.ChatTemplate is { } template)
        {
            json.WriteString("chat_template", template);
        }

        json.WriteStartObject("added_tokens_decoder");
        foreach (var token in _addedTokens)
        {
            json.WriteStartObject(token.Id.ToString(CultureInfo.InvariantCulture));
            TokenizerJsonWriter.WriteAddedToken(json, token);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    public void WriteSpecialTokensMap(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, TokenizerJsonWriter.Format);
        json.WriteStartObject();
        WriteSpecialTokens(json);
        json.WriteEndObject();
    }

    private void Name(string name, string property, string? content)
    {
        if (content is null)
        {
            return;
        }

        if (!_addedTokens.Any(token => token.IsSpecial && token.Content == content))
        {
            throw new ArgumentException($"{property} is {ErrorText.Quote(content)}, expected one of the tokenizer's special tokens.");
        }

        _named.Add((name, content));
    }

    private void WriteSpecialTokens(Utf8JsonWriter json)
    {
        foreach (var (name, content) in _named)
        {
            json.WriteString(name, content);
        }

        var others = _addedTokens
            .Where(token => token.IsSpecial && !_named.Any(named => named.Content == token.Content))
            .Select(token => token.Content)
            .ToArray();
        if (others.Length > 0)
        {
            json.WriteStartArray("additional_special_tokens");
            foreach (var content in others)
            {
                json.WriteStringValue(content);
            }

            json.WriteEndArray();
        }
    }
}
