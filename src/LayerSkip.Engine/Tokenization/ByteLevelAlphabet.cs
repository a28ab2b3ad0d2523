using System.Text;

namespace LayerSkip.Engine.Tokenization;

/// <summary>GPT-2's spelling of the 256 bytes as printable characters: printable Latin-1 stands for itself, the rest begins at U+0100 in order.</summary>
internal static class ByteLevelAlphabet
{
    private const int NotInAlphabet = -1;

    private static readonly char[] Characters = BuildCharacters();
    private static readonly short[] Bytes = BuildBytes();

    /// <summary>The character that stands for a byte.</summary>
    public static char CharacterOf(byte value) => Characters[value];

    /// <summary>Largest length of the spelling of <paramref name="length"/> UTF-16 code units.</summary>
    public static int MaxSpelledLength(int length) => checked(length * 3);

    /// <summary>Writes the spelling of the text's UTF-8 bytes and returns its length.</summary>
    public static int Spell(ReadOnlySpan<char> text, Span<char> destination)
    {
        Span<byte> bytes = stackalloc byte[4];
        var written = 0;
        for (var i = 0; i < text.Length;)
        {
            if (char.IsAscii(text[i]))
            {
                destination[written++] = Characters[text[i++]];
                continue;
            }

            var length = char.IsSurrogate(text[i]) ? 2 : 1;
            foreach (var value in bytes[..Encoding.UTF8.GetBytes(text.Slice(i, length), bytes)])
            {
                destination[written++] = Characters[value];
            }

            i += length;
        }

        return written;
    }

    /// <summary>The bytes which a token spells, or null where it holds a character outside the alphabet.</summary>
    public static byte[]? TryGetBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (token[i] >= Bytes.Length || Bytes[token[i]] == NotInAlphabet)
            {
                return null;
            }

            bytes[i] = (byte)Bytes[token[i]];
        }

        return bytes;
    }

    private static char[] BuildCharacters()
    {
        var characters = new char[256];
        var next = 'Ā';
        for (var value = 0; value < 256; value++)
        {
            var isPrintable = value is (>= '!' and <= '~') or (>= '¡' and <= '¬') or (>= '®' and <= 'ÿ');
            characters[value] = isPrintable ? (char)value : next++;
        }

        return characters;
    }

    private static short[] BuildBytes()
    {
        var bytes = new short[Characters.Max() + 1];
        bytes.AsSpan().Fill(NotInAlphabet);
        for (var value = 0; value < 256; value++)
        {
            bytes[Characters[value]] = (short)value;
        }

        return bytes;
    }
}
