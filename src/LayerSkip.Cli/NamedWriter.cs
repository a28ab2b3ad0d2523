using System.Text;

namespace LayerSkip.Cli;

/// <summary>Says which output it is that cannot be written to, where .NET's message has no path to name.</summary>
/// <param name="inner">Gets all text; not disposed.</param>
/// <param name="name">What errors call it.</param>
internal sealed class NamedWriter(TextWriter inner, string name) : TextWriter
{
    private const int BrokenPipe = 32; // EPIPE

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Try(value, static (writer, value) => writer.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try((buffer, index, count), static (writer, part) => writer.Write(part.buffer, part.index, part.count));

    public override void Write(string? value) => Try(value, static (writer, value) => writer.Write(value));

    public override void WriteLine() => Try(CoreNewLine, static (writer, end) => writer.Write(end));

    public override void WriteLine(string? value) => Try(value, static (writer, value) => writer.WriteLine(value));

    public override void Flush() => Try(0, static (writer, _) => writer.Flush());

    private void Try<T>(T value, Action<TextWriter, T> write)
    {
        try
        {
            write(inner, value);
        }
        catch (IOException e) when (e.HResult == BrokenPipe)
        {
            throw new OutputClosedException($"{name}: its reader has closed it", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{name}: cannot be written to: it is closed, or not open for writing", e);
        }
        catch (IOException e)
        {
            throw new IOException($"{name}: cannot be written to: {e.Message.TrimEnd('.')}", e);
        }
    }
}
