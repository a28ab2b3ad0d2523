using System.Buffers.Binary;
using System.Text;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

/// <summary>Safetensors files put together by hand, good and bad, and opened.</summary>
internal static class SafetensorsBytes
{
    /// <summary>A file of this header and so many bytes of data.</summary>
    public static byte[] Of(string header, int dataLength) => Of((ulong)Encoding.UTF8.GetByteCount(header), header, new byte[dataLength]);

    /// <summary>A file of this header and data.</summary>
    public static byte[] Of(string header, byte[] data) => Of((ulong)Encoding.UTF8.GetByteCount(header), header, data);

    /// <summary>A file that declares this header length, whatever the header.</summary>
    public static byte[] Of(ulong headerLength, string header, byte[] data)
    {
        var prefix = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, headerLength);
        return [.. prefix, .. Encoding.UTF8.GetBytes(header), .. data];
    }

    /// <summary>Writes the bytes to a file, opens it and hands it over, then deletes it.</summary>
    public static void Open(ReadOnlySpan<byte> bytes, Action<SafetensorsFile> use)
    {
        var path = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.safetensors");
        try
        {
            File.WriteAllBytes(path, bytes);
            using var file = SafetensorsFile.Open(path);
            use(file);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The error that opening the bytes gives.</summary>
    public static CheckpointException Refusal(byte[] bytes) => Assert.Throws<CheckpointException>(() => Open(bytes, _ => { }));
}
