using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads a <c>pattern</c>: <c>{"String": ...}</c> or <c>{"Regex": ...}</c>.</summary>
internal static class PatternReader
{
    private const string Expected = "an object with one of 'String' and 'Regex'";

    public static TextPattern Read(JsonField step)
    {
        var pattern = step.Get("pattern", Expected);
        if (pattern.Find("String") is { } literal)
        {
            return literal.AsString() is { Length: > 0 } text ? new LiteralPattern(text) : throw literal.Unexpected("a string that is not empty");
        }

        var expression = pattern.Find("Regex") ?? throw pattern.Unexpected(Expected);
        return (TextPattern?)GptPattern.TryRecognize(expression.AsString()) ?? RegexPattern.Create(expression.AsString(), expression.Origin);
    }
}
