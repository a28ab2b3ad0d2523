using System.Buffers;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Bpe;

/// <summary>Encodes one pre-tokenized piece: characters to symbols, symbols merged. Immutable but for its cache; safe for concurrent use.</summary>
internal sealed class BpeModel
{
    private const int Unknown = -1;
    private const int StackSymbols = 128;

    private readonly PieceCache _cache = new();
    private readonly int[] _idsOfUnits = new int[char.MaxValue + 1]; // of the tokens that are one UTF-16 code unit

    public BpeModel(Vocabulary vocabulary, MergeTable merges, BpeOptions options)
    {
        Vocabulary = vocabulary;
        Merges = merges;
        Options = options;
        _idsOfUnits.AsSpan().Fill(Unknown);
        foreach (var (token, id) in vocabulary.Tokens)
        {
            if (token.Length == 1)
            {
                _idsOfUnits[token[0]] = id;
            }
        }
    }

    public Vocabulary Vocabulary { get; }

    public MergeTable Merges { get; }

    public BpeOptions Options { get; }

    /// <summary>Appends the ids of <paramref name="piece"/>, which is well-formed UTF-16.</summary>
    public void Encode(ReadOnlySpan<char> piece, List<int> output)
    {
        var isShort = piece.Length <= PieceCache.MaxPieceLength;
        if (isShort && _cache.TryGet(piece, out var cached))
        {
            output.AddRange(cached);
            return;
        }

        if (Options.IgnoreMerges && Vocabulary.TryGetId(piece, out var whole))
        {
            output.Add(whole);
            return;
        }

        // A character falls back to its UTF-8 bytes: at most three for each UTF-16 code unit.
        var capacity = checked(piece.Length * (Options.ByteIds is null ? 1 : 3));
        int[]? rented = null;
        var symbols = capacity <= StackSymbols ? stackalloc int[StackSymbols] : rented = ArrayPool<int>.Shared.Rent(capacity);
        symbols = symbols[..ReadSymbols(piece, symbols)];
        symbols = symbols[..BpeMerger.Merge(symbols, Merges)];
        output.AddRange(symbols);
        if (isShort)
        {
            _cache.Set(piece, symbols);
        }

        if (rented is not null)
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    private int ReadSymbols(ReadOnlySpan<char> piece, Span<int> symbols)
    {
        var count = 0;
        var afterUnknown = false;
        for (var i = 0; i < piece.Length;)
        {
            var length = char.IsSurrogate(piece[i]) ? 2 : 1;
            var character = piece.Slice(i, length);
            i += length;
            var id = length == 1 ? _idsOfUnits[character[0]] : Vocabulary.TryGetId(character, out var found) ? found : Unknown;
            if (id != Unknown)
            {
                symbols[count++] = id;
                afterUnknown = false;
            }
            else if (TryFallBack(character, symbols[count..], out var bytes))
            {
                count += bytes;
                afterUnknown = false;
            }
            else if (Options.UnknownId is { } unknown && !(afterUnknown && Options.FuseUnknown))
            {
                symbols[count++] = unknown;
                afterUnknown = true;
            }
        }

        return count;
    }

    private bool TryFallBack(ReadOnlySpan<char> character, Span<int> symbols, out int count)
    {
        count = 0;
        if (Options.ByteIds is null)
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[4];
        bytes = bytes[..Encoding.UTF8.GetBytes(character, bytes)];
        foreach (var value in bytes)
        {
            if (Options.ByteIds[value] == Unknown)
            {
                return false;
            }

            symbols[count++] = Options.ByteIds[value];
        }

        return true;
    }
}
