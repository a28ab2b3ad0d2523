using System.Text;

namespace LayerSkip.Parsing.Frames;

/// <summary>Prints nodes: as canonical text, and as a drawn tree.</summary>
internal static class FramePrinter
{
    /// <summary>The canonical text of a node.</summary>
    public static string Print(FrameNode node)
    {
        var text = new StringBuilder();
        Append(node, text);
        return text.ToString();
    }

    /// <summary>The drawn tree of a node.</summary>
    public static string Draw(FrameNode root)
    {
        var text = new StringBuilder();
        AppendShown(root.Text, text);
        DrawChildren(root, "", text);
        return text.ToString();
    }

    private static void Append(FrameNode node, StringBuilder text)
    {
        if (node.Kind == FrameNodeKind.Word)
        {
            text.Append(node.Text);
            return;
        }

        text.Append('[').Append(node.Text).Append(' ');
        foreach (var child in node.Children)
        {
            Append(child, text);
            text.Append(' ');
        }

        text.Append(']');
    }

    private static void DrawChildren(FrameNode node, string indent, StringBuilder text)
    {
        for (var i = 0; i < node.Children.Length;)
        {
            var next = EndOfLine(node, i);
            var last = next == node.Children.Length;
            text.Append('\n').Append(indent).Append(last ? "└─ " : "├─ ");
            for (var j = i; j < next; j++)
            {
                text.Append(j > i ? " " : "");
                AppendShown(node.Children[j].Text, text);
            }

            DrawChildren(node.Children[i], indent + (last ? "   " : "│  "), text);
            i = next;
        }
    }

    /// <summary>A run of words shares one line; an intent or slot has its own.</summary>
    private static int EndOfLine(FrameNode node, int from)
    {
        var end = from + 1;
        while (node.Children[from].Kind == FrameNodeKind.Word && end < node.Children.Length && node.Children[end].Kind == FrameNodeKind.Word)
        {
            end++;
        }

        return end;
    }

    private static void AppendShown(string token, StringBuilder text)
    {
        foreach (var character in token)
        {
            text.Append(char.IsControl(character) ? '\uFFFD' : character);
        }
    }
}
