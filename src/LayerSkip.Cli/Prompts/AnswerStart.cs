namespace LayerSkip.Cli.Prompts;

/// <summary>Leaves out the white space that an answer begins with: many models write a space before their first word.</summary>
internal sealed class AnswerStart
{
    private bool _begun;

    /// <summary>What of the answer's next text is shown.</summary>
    public string Of(string text)
    {
        text = _begun ? text : text.TrimStart();
        _begun |= text.Length > 0;
        return text;
    }
}
