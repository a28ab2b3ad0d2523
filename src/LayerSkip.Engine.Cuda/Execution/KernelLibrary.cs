using System.Diagnostics;
using System.Reflection;
using System.Text;
using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>The kernels that this assembly carries as PTX. A file is compiled for the device when the first of its kernels is asked for.</summary>
internal sealed class KernelLibrary(CudaContext context)
{
    private static readonly Dictionary<string, string> Files = FindKernels();

    private readonly Dictionary<string, KernelModule> _modules = [];

    /// <summary>All kernels' names.</summary>
    public static IReadOnlyCollection<string> Names => Files.Keys;

    /// <summary>A kernel's function on the device.</summary>
    /// <exception cref="CudaException">The driver cannot compile the file, or does not find the kernel.</exception>
    public nint Function(string name)
    {
        var file = Files.TryGetValue(name, out var found) ? found : throw new InvalidOperationException($"there is no kernel '{name}'");
        if (!_modules.TryGetValue(file, out var module))
        {
            _modules[file] = module = KernelModule.Load(context, Text(file));
        }

        return module.Function(name);
    }

    /// <summary>A file's text for the device: where kernels overlap, what stands there as a comment to wait for one another becomes instructions, which need sm_90.</summary>
    private byte[] Text(string file)
    {
        var text = Read(file);
        if (context.Overlaps)
        {
            Replace(text, "//sm_90 "u8, "        "u8);
            Replace(text, ".version 7.4"u8, ".version 7.8"u8);
            Replace(text, ".target sm_80"u8, ".target sm_90"u8);
        }

        return text;
    }

    /// <summary>Replaces a text wherever it stands by one of the same length.</summary>
    private static void Replace(Span<byte> text, ReadOnlySpan<byte> old, ReadOnlySpan<byte> by)
    {
        Debug.Assert(old.Length == by.Length && text.IndexOf(old) >= 0);
        for (var at = text.IndexOf(old); at >= 0; at = text.IndexOf(old))
        {
            by.CopyTo(text[at..]);
            text = text[(at + old.Length)..];
        }
    }

    private static Dictionary<string, string> FindKernels()
    {
        var files = new Dictionary<string, string>();
        foreach (var file in Assembly.GetExecutingAssembly().GetManifestResourceNames())
        {
            var text = Encoding.ASCII.GetString(Read(file));
            const string Entry = ".entry ";
            for (var at = text.IndexOf(Entry, StringComparison.Ordinal); at >= 0; at = text.IndexOf(Entry, at, StringComparison.Ordinal))
            {
                at += Entry.Length;
                files.Add(text[at..text.IndexOf('(', at)].Trim(), file);
            }
        }

        return files;
    }

    /// <summary>A file's text and the zero byte that the driver wants behind it.</summary>
    private static byte[] Read(string file)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(file)!;
        var text = new byte[stream.Length + 1];
        stream.ReadExactly(text.AsSpan(0, text.Length - 1));
        return text;
    }
}
