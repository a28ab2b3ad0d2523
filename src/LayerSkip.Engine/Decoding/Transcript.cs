namespace LayerSkip.Engine.Decoding;

/// <summary>A sequence's tokens: prompt, output and, beyond <see cref="Count"/>, those drafted in the current round.</summary>
internal sealed class Transcript
{
    /// <summary>Output tokens that room is made for at first, so that most generations never grow.</summary>
    private const int FirstOutputs = 4096;

    private readonly DecodingPlan _plan;
    private readonly int _contextLength;
    private int[] _tokens;

    /// <param name="prompt">Token ids, checked.</param>
    /// <param name="plan">What ends the output.</param>
    /// <param name="contextLength">Most tokens of prompt and output together.</param>
    public Transcript(ReadOnlySpan<int> prompt, DecodingPlan plan, int contextLength)
    {
        (_plan, _contextLength) = (plan, contextLength);
        OutputCapacity = Math.Min(Math.Min(plan.MaxNewTokens, contextLength), FirstOutputs) + DecodingPlan.MaxSpeculations + 1;
        _tokens = new int[prompt.Length + OutputCapacity];
        prompt.CopyTo(_tokens);
        Count = RoundStart = PromptTokens = prompt.Length;
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; }

    /// <summary>Output tokens, and a draft, that there is room for at first.</summary>
    public int OutputCapacity { get; }

    /// <summary>Tokens of prompt and output.</summary>
    public int Count { get; private set; }

    /// <summary>Where the tokens of the last round begin.</summary>
    public int RoundStart { get; private set; }

    /// <summary>Tokens of the output.</summary>
    public int OutputCount => Count - PromptTokens;

    /// <summary>Tokens that may still be generated: at least 1 until the generation ends.</summary>
    public int Room => Math.Min(_plan.MaxNewTokens - OutputCount, _contextLength - Count);

    /// <summary>What bounds the output's length.</summary>
    public FinishReason Limit =>
        _plan.MaxNewTokens <= _contextLength - PromptTokens ? FinishReason.MaxNewTokens : FinishReason.ContextEnd;

    /// <summary>Some of all tokens, drafted ones included.</summary>
    public Span<int> Slice(int start, int count) => _tokens.AsSpan(start, count);

    /// <summary>Prompt, output and the first tokens of the draft.</summary>
    public ReadOnlySpan<int> With(int drafted) => _tokens.AsSpan(0, Count + drafted);

    /// <summary>A round begins.</summary>
    public void BeginRound() => RoundStart = Count;

    /// <summary>Makes room for a draft and the token behind it.</summary>
    public void MakeRoom(int drafted)
    {
        var length = Count + drafted + 1;
        if (length > _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(length, 2 * _tokens.Length));
        }
    }

    /// <summary>Sets the token behind so many tokens of the draft.</summary>
    public void Draft(int index, int token) => _tokens[Count + index] = token;

    /// <summary>Takes the first tokens of the draft into the output, ending at the earliest stop.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Accept(int drafted)
    {
        var stop = _tokens.AsSpan(Count, drafted).IndexOfAny(_plan.StopIds);
        Count += stop >= 0 ? stop + 1 : drafted;
        return stop >= 0;
    }
}
