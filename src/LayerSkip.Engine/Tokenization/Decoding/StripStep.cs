using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Decoding;

/// <summary><c>Strip</c> before the tokens are joined: up to so many of a character off each token's ends.</summary>
internal sealed class StripStep(char content, int start, int stop) : DecoderStep
{
    public override string Apply(string token, bool isFirst, RegexBudget budget)
    {
        var from = 0;
        while (from < start && from < token.Length && token[from] == content)
        {
            from++;
        }

        var to = token.Length;
        while (token.Length - to < stop && to > from && token[to - 1] == content)
        {
            to--;
        }

        return token[from..to];
    }
}
