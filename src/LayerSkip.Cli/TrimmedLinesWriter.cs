using System.Text;

namespace LayerSkip.Cli;

/// <summary>
/// Leaves out the blanks that lines end with, such as those that pad a table's last column. Blanks wait for what follows them: those that nothing follows
/// are left out, too, even where no line end does, and none is written before its successor, whoever flushes.
/// </summary>
/// <param name="inner">Gets all else; not disposed.</param>
internal sealed class TrimmedLinesWriter(TextWriter inner) : TextWriter
{
    private int _blanks;

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value)
    {
        if (value == ' ')
        {
            _blanks++;
            return;
        }

        for (; _blanks > 0; _blanks--)
        {
            if (value is not ('\r' or '\n'))
            {
                inner.Write(' ');
            }
        }

        inner.Write(value);
    }

    public override void Flush() => inner.Flush();
}
