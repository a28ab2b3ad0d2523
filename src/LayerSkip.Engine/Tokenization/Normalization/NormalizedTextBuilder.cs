using System.Text;

namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary>Writes a rewritten text and, only where the source has a rule a character, its rules.</summary>
internal sealed class NormalizedTextBuilder(NormalizedText source)
{
    private readonly StringBuilder _text = new(source.Text.Length);
    private readonly List<AddedTokenMatching>? _rules = source.Rules.IsUniform ? null : new(source.Text.Length);

    /// <summary>Keeps the source's characters [start, start + length).</summary>
    public void Keep(int start, int length)
    {
        _text.Append(source.Text, start, length);
        for (var i = start; _rules is not null && i < start + length; i++)
        {
            _rules.Add(source.Rules[i]);
        }
    }

    /// <summary>Writes <paramref name="content"/> in place of the source's characters [start, start + length).</summary>
    public void Replace(int start, int length, ReadOnlySpan<char> content)
    {
        source.RequireRoom((long)_text.Length + content.Length);
        _text.Append(content);
        if (_rules is not null)
        {
            var rule = source.Rules.Strictest(start, length);
            for (var i = 0; i < content.Length; i++)
            {
                _rules.Add(rule);
            }
        }
    }

    public NormalizedText Build() => source with
    {
        Text = _text.ToString(),
        Rules = _rules is null ? source.Rules : AddedTokenRules.PerCharacter([.. _rules]),
    };
}
