using System.Collections.Concurrent;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Constraints;

/// <summary>
/// Restricts a model's output to a language of texts, whatever its logits say: no token is chosen after which the output could not
/// become a text of the language any more, and the output ends only where a text of it does.
/// </summary>
/// <remarks>
/// <para>
/// The text that is meant is what the tokenizer decodes the output's tokens to, special tokens left out. Where a stretch of the text is certain and
/// no token reaches beyond it, its longest tokens are taken: the model is not asked (<see cref="TakesCertainText"/>).
/// </para>
/// <para>
/// Immutable in effect and safe for concurrent use: what it learns about its states (which tokens they allow) is kept, so one constraint should
/// serve all generations of the same language. What it keeps is bounded.
/// </para>
/// </remarks>
public sealed class TokenConstraint
{
    // Bytes of masks, of their tables and of states, beyond which they are forgotten and found anew; and what a node that they keep alive takes, about.
    private const long MaxMaskBytes = 16 << 20;
    private const long MaxTableBytes = 32 << 20;
    private const long MaxStateBytes = 16 << 20;
    private const long NodeBytes = 256;
    private const int MaxCertainBytes = 256;

    private readonly Grammar _grammar;
    private readonly Tokenizer _tokenizer;
    private readonly TokenTrie _trie;
    private readonly TokenTrie _startTrie;
    private readonly int[] _specialTokens;
    private readonly CompletionCounter _completions;

    // At the start other texts belong to the tokens, so what is known of a node there is of no use elsewhere.
    private readonly ConcurrentDictionary<(GrammarNode Node, bool IsStart), ConstraintState> _states = [];
    private readonly ConcurrentDictionary<(GrammarNode Node, bool IsStart), TokenMask> _masks = [];
    private long _stateBytes;
    private long _maskBytes;
    private long _tableBytes;

    /// <summary>Creates a constraint.</summary>
    /// <param name="language">The texts that the output may be; at least one.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <exception cref="ArgumentException">The language has no text.</exception>
    /// <remarks>
    /// A language may have so many alternatives that begin alike that the tokens which may come next take too long to find. A generation
    /// that has to choose in such a place, or in too many that are nearly such, fails with a <see cref="ConstraintException"/>; others go on, and so does one
    /// whose model chooses a token that can be seen to be right without the others, or whose draft alone comes there.
    /// </remarks>
    public TokenConstraint(GrammarNode language, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(language);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (language.IsNothing)
        {
            throw new ArgumentException("The language has no text: no output could satisfy it.", nameof(language));
        }

        _grammar = language.Grammar;
        _tokenizer = tokenizer;
        _trie = tokenizer.Trie(atStart: false);
        _startTrie = tokenizer.Trie(atStart: true);
        _specialTokens = tokenizer.SpecialTokens;
        _completions = new CompletionCounter(_trie, _startTrie, _specialTokens);
        Start = new ConstraintState(this, language, isStart: true);
    }

    /// <summary>
    /// Whether text that is certain is taken in its longest tokens, without asking the model; true unless set. False where the text quotes what the
    /// prompt says: the model copies it in the prompt's own tokens, and other ones of the same text are strange to it.
    /// </summary>
    public bool TakesCertainText { get; init; } = true;

    /// <summary>Ids of the tokenizer; what a model's vocabulary has beyond them is never chosen.</summary>
    public int VocabularySize => _tokenizer.VocabularySize;

    /// <summary>The empty output.</summary>
    internal ConstraintState Start { get; }

    /// <summary>Bytes of memory that it takes at present, about: as a rule little at first, and more as its masks are found. Bounded.</summary>
    public long ApproximateBytes => _grammar.MemoryBytes + Interlocked.Read(ref _maskBytes) + Interlocked.Read(ref _tableBytes) + Interlocked.Read(ref _stateBytes);

    /// <summary>Masks found so far and not forgotten.</summary>
    internal int MaskCount => _masks.Count;

    internal ConstraintState After(ConstraintState state, int token)
    {
        return _tokenizer.IsSpecial(token)
            ? StateOf(state.Node.DeriveSpecial(token), state.IsStart)
            : StateOf(Walk(state, token, long.MaxValue), isStart: false);
    }

    /// <summary>
    /// Whether a token may come next, and the output can be completed behind it in so many bytes: what most tokens that a model likes are asked, and need no mask for. No says no more
    /// than that it was not looked further.
    /// </summary>
    /// <param name="state">Where the output stands.</param>
    /// <param name="token">Any id. Special tokens, and those without a text, are answered no.</param>
    /// <param name="left">The bytes.</param>
    internal bool Allows(ConstraintState state, int token, int left) =>
        token < VocabularySize
        && !TrieOf(state).BytesOf(token).IsEmpty
        && Walk(state, token, TokenTrie.MaxWork) is { IsNothing: false, MayEndToken: true } node
        && node.MinBytes <= Math.Min(left, CompletionTable.Longest);

    /// <summary>What may follow a token with text; nothing also where that takes too much to find.</summary>
    private GrammarNode Walk(ConstraintState state, int token, long maxWork)
    {
        var node = state.Node;
        var before = Grammar.ThreadWork;
        foreach (var value in TrieOf(state).BytesOf(token))
        {
            if (node.IsNothing || Grammar.ThreadWork - before > maxWork)
            {
                return _grammar.Nothing;
            }

            node = node.Next(value);
        }

        return node;
    }

    internal TokenMask MaskOf(ConstraintState state)
    {
        var trie = TrieOf(state);
        var node = state.Node.Unbounded(trie.MaxBytes);
        if (_masks.TryGetValue((node, state.IsStart), out var known))
        {
            return known;
        }

        var mask = new TokenMask(VocabularySize);
        trie.Find(node, (tokens, next) =>
        {
            mask.MaxRemainder = Math.Max(mask.MaxRemainder, next.MinBytes);
            foreach (var token in tokens)
            {
                mask.Add(token);
            }
        });
        foreach (var (token, next) in SpecialTokensAfter(node))
        {
            mask.MaxRemainder = Math.Max(mask.MaxRemainder, next.MinBytes);
            mask.Add(token);
            if (next.IsNullable && !node.IsNullable)
            {
                mask.Closing.Add(token);
            }
        }

        mask.Forced = Forced(node, trie, mask);
        if (Interlocked.Add(ref _maskBytes, (VocabularySize / 8) + BytesOf(node)) > MaxMaskBytes)
        {
            Forget();
        }

        return _masks.GetOrAdd((node, state.IsStart), mask);
    }

    internal CompletionTable CompletionsOf(ConstraintState state)
    {
        var trie = TrieOf(state);
        var node = state.Node.Unbounded(trie.MaxBytes);
        var table = new CompletionTable(VocabularySize);
        trie.Find(node, (tokens, next) =>
        {
            var count = _completions.Count(next, isStart: false);
            foreach (var token in tokens)
            {
                table.Add(token, count);
            }
        });
        foreach (var (token, next) in SpecialTokensAfter(node))
        {
            table.Add(token, _completions.Count(next, state.IsStart));
        }

        // A table is many times its mask's size, and quickly made anew beside it.
        if (Interlocked.Add(ref _tableBytes, CompletionTable.BytesOf(VocabularySize)) > MaxTableBytes)
        {
            ForgetTables();
        }

        return table;
    }

    private TokenTrie TrieOf(ConstraintState state) => state.IsStart ? _startTrie : _trie;

    private ConstraintState StateOf(GrammarNode node, bool isStart)
    {
        if (_states.TryGetValue((node, isStart), out var known))
        {
            return known;
        }

        if (Interlocked.Add(ref _stateBytes, BytesOf(node)) > MaxStateBytes)
        {
            Forget();
        }

        return _states.GetOrAdd((node, isStart), new ConstraintState(this, node, isStart));
    }

    /// <summary>The special tokens that may come next, and what may follow them.</summary>
    private IEnumerable<(int Token, GrammarNode Next)> SpecialTokensAfter(GrammarNode node)
    {
        foreach (var token in node.AllowsSpecialTokens ? _specialTokens : [])
        {
            if (node.DeriveSpecial(token) is { IsNothing: false } next)
            {
                yield return (token, next);
            }
        }
    }

    /// <summary>Whether a token may be taken unasked: known without a mask, and before it.</summary>
    internal bool MayForce(GrammarNode node) => TakesCertainText && !node.IsNullable && (node.AllowsSpecialTokens || node.OnlyByte() >= 0);

    /// <summary>The token that is taken unasked, or -1 where the text that may follow is not certain, or its end is in a token's middle.</summary>
    private int Forced(GrammarNode node, TokenTrie trie, TokenMask mask)
    {
        if (!MayForce(node) || mask.Count == 0)
        {
            return -1;
        }

        if (mask.Count == 1)
        {
            return mask.First();
        }

        Span<byte> certain = stackalloc byte[MaxCertainBytes];
        var length = 0;
        while (length < certain.Length && node.OnlyByte() is >= 0 and var value)
        {
            certain[length++] = (byte)value;
            node = node.Next((byte)value);
        }

        var (count, longest) = trie.Along(certain[..length]);
        return count == mask.Count ? longest : -1;
    }

    private void Forget()
    {
        _states.Clear();
        _masks.Clear();
        _stateBytes = _maskBytes = _tableBytes = 0;
    }

    private void ForgetTables()
    {
        foreach (var mask in _masks.Values)
        {
            mask.Completions = null;
        }

        _tableBytes = 0;
    }

    private static long BytesOf(GrammarNode node) => NodeBytes * (1 + node.Parts);
}
