using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace LayerSkip.Parsing.Frames;

/// <summary>Reads bracketed text into nodes, without recursion and in one pass.</summary>
internal static class FrameParser
{
    private const int LongestExcerpt = 32;

    /// <summary>The root, or null and what was wrong.</summary>
    public static FrameNode? Read(ReadOnlySpan<char> text, out (string Message, int Position) error)
    {
        error = default;
        var open = new Stack<(FrameNodeKind Kind, string Label, int Position, int FirstChild)>();
        var pending = new List<FrameNode>(); // the children so far of all open nodes, outermost first
        FrameNode? root = null;

        for (var at = 0; ;)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }

            if (at == text.Length)
            {
                break;
            }

            if (root is not null)
            {
                return Fail(out error, text, at, "the end of the text after the root's ]");
            }

            var end = at + 1;
            switch (text[at])
            {
                case '[':
                    end = TokenEnd(text, at + 1);
                    if (KindOf(text[(at + 1)..end]) is not { } kind)
                    {
                        return Fail(out error, text, at + 1, "a label that begins with IN: or SL: straight after [");
                    }

                    if (open.Count == FrameNode.MaxDepth)
                    {
                        return Fail(out error, text, at, $"at most {FrameNode.MaxDepth} nested brackets");
                    }

                    open.Push((kind, text[(at + 1)..end].ToString(), at, pending.Count));
                    break;

                case ']':
                    if (!open.TryPop(out var node))
                    {
                        return Fail(out error, text, at, "[ to open the root intent");
                    }

                    var children = ImmutableArray.Create<FrameNode>(CollectionsMarshal.AsSpan(pending)[node.FirstChild..]);
                    var closed = FrameNode.Trusted(node.Kind, node.Label, children);
                    pending.RemoveRange(node.FirstChild, children.Length);
                    if (open.Count == 0)
                    {
                        root = closed;
                    }
                    else
                    {
                        pending.Add(closed);
                    }

                    break;

                default:
                    if (open.Count == 0)
                    {
                        return Fail(out error, text, at, "[ to open the root intent");
                    }

                    end = TokenEnd(text, at);
                    pending.Add(FrameNode.Trusted(FrameNodeKind.Word, text[at..end].ToString(), []));
                    break;
            }

            at = end;
        }

        if (root is null)
        {
            var expected = open.TryPeek(out var unclosed)
                ? $"] to close [{Excerpt(unclosed.Label)} of position {unclosed.Position}"
                : "[ to open the root intent";
            return Fail(out error, text, text.Length, expected);
        }

        return root;
    }

    /// <summary>A stranger's text cut short for a message, its control characters replaced.</summary>
    internal static string Excerpt(ReadOnlySpan<char> text)
    {
        var cut = text.Length > LongestExcerpt;
        var shown = (cut ? text[..LongestExcerpt] : text).ToArray();
        for (var i = 0; i < shown.Length; i++)
        {
            shown[i] = char.IsControl(shown[i]) ? '\uFFFD' : shown[i];
        }

        return new string(shown) + (cut ? "..." : "");
    }

    private static FrameNode? Fail(out (string Message, int Position) error, ReadOnlySpan<char> text, int position, string expected)
    {
        var found = "the end";
        if (position < text.Length)
        {
            var end = Math.Max(position + 1, TokenEnd(text, position));
            found = $"\"{Excerpt(text[position..end])}\"";
        }

        error = ($"Position {position} of the parse: expected {expected}, found {found}.", position);
        return null;
    }

    private static FrameNodeKind? KindOf(ReadOnlySpan<char> label) =>
        label.StartsWith(FrameNode.IntentPrefix, StringComparison.Ordinal) ? FrameNodeKind.Intent
        : label.StartsWith(FrameNode.SlotPrefix, StringComparison.Ordinal) ? FrameNodeKind.Slot
        : null;

    private static int TokenEnd(ReadOnlySpan<char> text, int from)
    {
        while (from < text.Length && !FrameNode.EndsToken(text[from]))
        {
            from++;
        }

        return from;
    }
}
