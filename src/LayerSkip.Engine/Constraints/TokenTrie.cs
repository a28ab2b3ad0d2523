using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Constraints;

/// <summary>The tokens that have text, by their bytes: a tree in the order in which a walk visits it, so that what begins alike is looked at once.</summary>
internal sealed class TokenTrie
{
    // A fraction of a second.
    internal const long MaxWork = 4 << 20;

    private readonly byte[] _bytes;
    private readonly int[] _offsets; // id: bytes [offsets[id], offsets[id + 1])
    private readonly byte[] _value; // node: its byte
    private readonly int[] _depth; // node: 0 for a token's first byte
    private readonly int[] _end; // node: the first behind it that does not lie below it
    private readonly int[] _firstToken; // node: tokens [firstToken[node], firstToken[node + 1])
    private readonly int[] _tokens;

    /// <param name="tokenizer">Whose tokens. Special tokens have no text, nor have ids that no token has.</param>
    /// <param name="atStart">Whether the tokens stand at a text's very start, where some decoders strip a space.</param>
    public TokenTrie(Tokenizer tokenizer, bool atStart)
    {
        _offsets = new int[tokenizer.VocabularySize + 1];
        var bytes = new MemoryStream();
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            tokenizer.WriteText(id, atStart, bytes);
            _offsets[id + 1] = (int)bytes.Length;
        }

        _bytes = bytes.ToArray();
        _tokens = [.. Enumerable.Range(0, tokenizer.VocabularySize).Where(id => _offsets[id + 1] > _offsets[id])];
        Array.Sort(_tokens, (x, y) => BytesOf(x).SequenceCompareTo(BytesOf(y)) is not 0 and var order ? order : x.CompareTo(y));
        MaxBytes = _tokens.Length == 0 ? 0 : _tokens.Max(id => BytesOf(id).Length);

        // Each token adds the nodes that it does not share with the one before; its own is the last there is then.
        var value = new List<byte>();
        var depths = new List<int>();
        var firstToken = new List<int>();
        var previous = default(ReadOnlySpan<byte>);
        for (var i = 0; i < _tokens.Length; i++)
        {
            var text = BytesOf(_tokens[i]);
            for (var depth = previous.CommonPrefixLength(text); depth < text.Length; depth++)
            {
                value.Add(text[depth]);
                depths.Add(depth);
                firstToken.Add(i);
            }

            previous = text;
        }

        (_value, _depth) = ([.. value], [.. depths]);
        _firstToken = [.. firstToken, _tokens.Length];
        _end = new int[_value.Length];
        for (var node = _value.Length - 1; node >= 0; node--)
        {
            var end = node + 1;
            while (end < _value.Length && _depth[end] > _depth[node])
            {
                end = _end[end];
            }

            _end[node] = end;
        }
    }

    /// <summary>Bytes of the longest token.</summary>
    public int MaxBytes { get; }

    /// <summary>A token's text; empty where it has none.</summary>
    public ReadOnlySpan<byte> BytesOf(int token) => _bytes.AsSpan(_offsets[token].._offsets[token + 1]);

    /// <summary>Finds the tokens that a language allows to come next.</summary>
    /// <param name="start">The language.</param>
    /// <param name="found">Is given tokens of one text, and what may follow them.</param>
    /// <exception cref="ConstraintException">It takes too much.</exception>
    public void Find(GrammarNode start, Action<ReadOnlySpan<int>, GrammarNode> found)
    {
        var path = new GrammarNode[MaxBytes + 1];
        path[0] = start;
        var last = Grammar.ThreadWork + MaxWork;
        for (var node = 0; node < _value.Length;)
        {
            var depth = _depth[node];
            var next = path[depth].Next(_value[node]);
            if (next.IsNothing)
            {
                node = _end[node];
                continue;
            }

            if (Grammar.ThreadWork > last)
            {
                throw TakesTooMuch(MaxWork);
            }

            path[depth + 1] = next;
            if (next.MayEndToken && _firstToken[node] < _firstToken[node + 1])
            {
                found(_tokens.AsSpan(_firstToken[node].._firstToken[node + 1]), next);
            }

            node++;
        }
    }

    /// <summary>The error of a language whose tokens take too much to find.</summary>
    /// <param name="steps">What they may take, as <see cref="Grammar.ThreadWork"/> counts.</param>
    /// <param name="where">Where they come; empty: in one place.</param>
    public static ConstraintException TakesTooMuch(long steps, string where = "") => new(
        $"Which tokens the constraint allows{where} takes more than {steps} steps to find, expected a language of fewer alternatives that begin alike.");

    /// <summary>The tokens along a text, from its first byte: how many there are, and the longest of them (of equals the one added last), or -1.</summary>
    public (int Count, int Longest) Along(ReadOnlySpan<byte> text)
    {
        var (count, longest) = (0, -1);
        var node = 0;
        for (var depth = 0; depth < text.Length && Go(ref node, depth, text[depth]); depth++)
        {
            if (_firstToken[node] < _firstToken[node + 1])
            {
                count += _firstToken[node + 1] - _firstToken[node];
                longest = _tokens[_firstToken[node + 1] - 1];
            }

            node++;
        }

        return (count, longest);
    }

    /// <summary>
    /// What is left of a language behind the first token of its completion: of the shortest texts the first in order, and of the tokens that begin it the longest. Of the language
    /// <c>"name":("ab"|"b")</c> with the token <c>"na</c> that is <c>me":("ab"|"b")</c>. Where no token begins it, what is left behind its first byte; null where it has none.
    /// </summary>
    public GrammarNode? AlongShortest(GrammarNode language)
    {
        GrammarNode? rest = null;
        var node = 0;
        for (var depth = 0; language.ShortestByte() is >= 0 and var value; depth++)
        {
            language = language.Next((byte)value);
            rest ??= language;
            if (!Go(ref node, depth, (byte)value))
            {
                break;
            }

            rest = language.MayEndToken && _firstToken[node] < _firstToken[node + 1] ? language : rest;
            node++;
        }

        return rest;
    }

    /// <summary>Goes from the first node that may be it to the one of a byte.</summary>
    /// <returns>Whether there is one.</returns>
    private bool Go(ref int node, int depth, byte value)
    {
        while (node < _value.Length && _depth[node] == depth && _value[node] != value)
        {
            node = _end[node];
        }

        return node < _value.Length && _depth[node] == depth;
    }
}
