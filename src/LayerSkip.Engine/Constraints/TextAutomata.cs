using System.Text;

namespace LayerSkip.Engine.Constraints;

/// <summary>Automata of free text that watches out for certain words (Aho and Corasick).</summary>
internal static class TextAutomata
{
    private const int MaxStates = 1 << 14;

    /// <summary>Text in which none of the words stands, or which ends with the first that does.</summary>
    /// <param name="words">The words; none empty.</param>
    /// <param name="ending">The index of the word that the text ends with, or null: it may end anywhere, and holds no word.</param>
    public static ByteAutomaton Watch(IReadOnlyList<string> words, int? ending)
    {
        var trie = new Trie(words);
        var failure = new int[trie.Count];
        var next = trie.Next;
        var queue = new Queue<int>();
        for (var value = 0; value < 256; value++)
        {
            ref var to = ref next[value];
            to = Math.Max(to, 0);
            if (to > 0)
            {
                queue.Enqueue(to);
            }
        }

        // In order of length, so that the state of the longest proper suffix is complete already.
        while (queue.TryDequeue(out var state))
        {
            trie.Word[state] = trie.Word[state] >= 0 ? trie.Word[state] : trie.Word[failure[state]];
            for (var value = 0; value < 256; value++)
            {
                ref var to = ref next[(state * 256) + value];
                var other = next[(failure[state] * 256) + value];
                if (to < 0)
                {
                    to = other;
                }
                else
                {
                    failure[to] = other;
                    queue.Enqueue(to);
                }
            }
        }

        // A word has been completed: the end of the text, or a dead end.
        var accepts = new bool[trie.Count];
        for (var state = 0; state < trie.Count; state++)
        {
            var word = trie.Word[state];
            accepts[state] = word < 0 ? ending is null : word == ending;
            if (word >= 0)
            {
                next.AsSpan(state * 256, 256).Fill(ByteAutomaton.Refused);
            }
        }

        if (ending is null)
        {
            for (var i = 0; i < next.Length; i++)
            {
                next[i] = next[i] >= 0 && trie.Word[next[i]] >= 0 ? ByteAutomaton.Refused : next[i];
            }
        }

        return new ByteAutomaton(ByteClasses.Single, next, accepts, allowsSpecialTokens: true);
    }

    /// <summary>Any text that begins with none of the words. Its last state is the one of text that has begun otherwise.</summary>
    /// <param name="words">The words; none empty.</param>
    /// <param name="blanks">Bytes that may stand before a word and begin none.</param>
    public static ByteAutomaton NotBeginningWith(IReadOnlyList<string> words, ReadOnlySpan<byte> blanks = default)
    {
        var trie = new Trie(words);
        var free = trie.Count;
        var next = new int[(trie.Count + 1) * 256];
        Array.Fill(next, free);
        var accepts = new bool[trie.Count + 1];
        Array.Fill(accepts, true);
        for (var i = 0; i < trie.Count * 256; i++)
        {
            var to = trie.Next[i];
            next[i] = to < 0 ? free : trie.Word[to] >= 0 ? ByteAutomaton.Refused : to;
        }

        foreach (var blank in blanks)
        {
            next[blank] = 0;
        }

        return new ByteAutomaton(ByteClasses.Single, next, accepts, allowsSpecialTokens: true);
    }

    /// <summary>The words as a tree: state 0 is its root.</summary>
    private sealed class Trie
    {
        public Trie(IReadOnlyList<string> words)
        {
            var bytes = words.Select(Encoding.UTF8.GetBytes).ToArray();
            var size = 1 + bytes.Sum(word => word.Length);
            if (bytes.Any(word => word.Length == 0) || size > MaxStates)
            {
                throw new ArgumentException($"The words must not be empty, and have {MaxStates - 1} bytes together at most.", nameof(words));
            }

            Next = new int[size * 256];
            Array.Fill(Next, -1);
            Word = new int[size];
            Array.Fill(Word, -1);
            Count = 1;
            foreach (var (index, word) in bytes.Index())
            {
                var state = 0;
                foreach (var value in word)
                {
                    ref var to = ref Next[(state * 256) + value];
                    to = to < 0 ? Count++ : to;
                    state = to;
                }

                Word[state] = Word[state] < 0 ? index : Word[state];
            }

            Next = Next[..(Count * 256)];
            Word = Word[..Count];
        }

        /// <summary>[state, 256], -1 where no word goes on so.</summary>
        public int[] Next { get; }

        /// <summary>For each state, the word that is complete there, or -1.</summary>
        public int[] Word { get; }

        public int Count { get; }
    }
}
