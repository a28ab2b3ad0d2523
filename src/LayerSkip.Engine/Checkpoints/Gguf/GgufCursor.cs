using System.Buffers.Binary;
using System.Text;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Reads a GGUF file's header from its front, never past the end.</summary>
/// <param name="file">The file's name, for errors.</param>
/// <param name="front">The file from its first byte.</param>
internal ref struct GgufCursor(string file, GgufFront front)
{
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Where the next byte lies in the file.</summary>
    public int Position { get; set; }

    public readonly int Remaining => front.Length - Position;

    public uint ReadUInt32(GgufPart what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint), what));

    public ulong ReadUInt64(GgufPart what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong), what));

    /// <summary>A string: its length in eight bytes, then UTF-8.</summary>
    public string ReadText(GgufPart what)
    {
        var utf8 = ReadUtf8(what);
        try
        {
            return s_strictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException error)
        {
            throw new CheckpointException($"{file}: {what} is not valid UTF-8", error);
        }
    }

    /// <summary>A string's bytes, not checked.</summary>
    public ReadOnlySpan<byte> ReadUtf8(GgufPart what) => Take(ReadUInt64(what), what);

    /// <summary>The next <paramref name="count"/> bytes.</summary>
    /// <exception cref="CheckpointException">The file ends before.</exception>
    public ReadOnlySpan<byte> Take(ulong count, GgufPart what)
    {
        if (count > (ulong)Remaining)
        {
            throw new CheckpointException($"{file}: {what} takes {count} bytes at offset {Position}, but {Remaining} follow: the file is truncated or damaged");
        }

        var taken = front.Take(Position, (int)count);
        Position += (int)count;
        return taken;
    }
}
