using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace LayerSkip.Cli.Sweeping;

/// <summary>Short names of what a measurement was taken on, which tell another checkpoint or other prompts apart.</summary>
internal static class Fingerprint
{
    private const int SampleBytes = 64 * 1024;
    private const int Samples = 64;
    private const int NameBytes = 8;

    /// <summary>Of a checkpoint's configuration and weights: names and lengths of the files, and samples spread evenly over each, so that large ones need not be read in full.</summary>
    /// <param name="path">A directory, or a file that holds all.</param>
    public static string OfCheckpoint(string path)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var files = File.Exists(path) ? [path] : Directory.GetFiles(path).Where(IsPart).Order(StringComparer.Ordinal).ToArray();
        var buffer = new byte[SampleBytes];
        foreach (var file in files)
        {
            using var stream = File.OpenRead(file);
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file)));
            Append(hash, stream.Length);
            if (stream.Length <= (long)Samples * SampleBytes)
            {
                for (int read; (read = stream.Read(buffer)) > 0;)
                {
                    hash.AppendData(buffer, 0, read);
                }

                continue;
            }

            for (var sample = 0; sample < Samples; sample++)
            {
                stream.Position = (stream.Length - SampleBytes) / (Samples - 1) * sample;
                stream.ReadExactly(buffer);
                hash.AppendData(buffer);
            }
        }

        return Name(hash);
    }

    /// <summary>Of lists of token ids.</summary>
    public static string OfTokens(IEnumerable<IReadOnlyList<int>> lists)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var list in lists)
        {
            Append(hash, list.Count);
            hash.AppendData(MemoryMarshal.AsBytes(list.ToArray().AsSpan()));
        }

        return Name(hash);
    }

    /// <summary>How the model decodes is a setting of the sweep, and may change in between.</summary>
    private static bool IsPart(string file) => Path.GetFileName(file) is var name
        && (name == "config.json" || name.EndsWith(".safetensors", StringComparison.Ordinal));

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }

    private static string Name(IncrementalHash hash) => Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, NameBytes));
}
