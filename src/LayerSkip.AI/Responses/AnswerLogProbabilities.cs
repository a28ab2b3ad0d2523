using System.Buffers;
using System.Text;
using System.Text.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.Responses;

/// <summary>
/// Writes the log-probabilities of an answer's tokens, in OpenAI's shape:
/// <c>{"content": [{"token": …, "logprob": …, "bytes": […], "top_logprobs": [{"token": …, "logprob": …, "bytes": […]}]}]}</c>.
/// </summary>
/// <param name="tokenizer">The model's.</param>
/// <param name="tokens">The answer's tokens, which were asked for with their log-probabilities.</param>
internal sealed class AnswerLogProbabilities(Tokenizer tokenizer, TokenReader tokens)
{
    /// <summary>What stands for a probability of 0, whose logarithm JSON cannot express; OpenAI's number.</summary>
    private const float Impossible = -9999;

    private int _written;

    /// <summary>Those of the tokens that have come since the last call.</summary>
    /// <param name="count">Tokens of the answer so far.</param>
    public JsonElement Next(int count)
    {
        var next = Write(_written, count);
        _written = count;
        return next;
    }

    /// <summary>Those of the whole answer.</summary>
    /// <param name="count">Tokens of the answer.</param>
    public JsonElement All(int count) => Write(0, count);

    private JsonElement Write(int from, int to)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("content"u8);
            for (var index = from; index < to; index++)
            {
                var output = tokens.LogProbabilities(index);
                json.WriteStartObject();
                Write(json, output.Chosen);
                json.WriteStartArray("top_logprobs"u8);
                foreach (var entry in output.Top.Span)
                {
                    json.WriteStartObject();
                    Write(json, entry);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return JsonElement.Parse(buffer.WrittenSpan);
    }

    private void Write(Utf8JsonWriter json, in TokenLogProbability entry)
    {
        // A model's vocabulary may be padded beyond the tokenizer's; such tokens have no text. The others' is that within a text, whose beginning some decoders strip.
        var isKnown = entry.Token < tokenizer.VocabularySize;
        var bytes = isKnown && !tokenizer.IsSpecial(entry.Token) ? tokenizer.GetBytes(entry.Token) : null;
        json.WriteString("token"u8, bytes is not null ? Encoding.UTF8.GetString(bytes) : isKnown ? tokenizer.Decode([entry.Token], skipSpecialTokens: false) : string.Empty);
        json.WriteNumber("logprob"u8, Math.Max(Impossible, entry.LogProbability));
        if (bytes is null)
        {
            json.WriteNull("bytes"u8);
            return;
        }

        json.WriteStartArray("bytes"u8);
        foreach (var value in bytes)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
