namespace LayerSkip.Parsing.Frames;

/// <summary>The rules of task-oriented parses.</summary>
internal static class FrameValidator
{
    /// <summary>The first violation in reading order, or null.</summary>
    public static FrameViolation? FirstViolation(FrameNode root) =>
        root.Kind == FrameNodeKind.Intent
            ? Check(root)
            : new FrameViolation(FrameParser.Excerpt(root.Text), "the root is an intent; found a slot");

    private static FrameViolation? Check(FrameNode node)
    {
        if (!IsLabel(node.Text))
        {
            return new FrameViolation(FrameParser.Excerpt(node.Text), "a label is IN: or SL:, a letter A-Z, then letters A-Z, digits and underscores");
        }

        foreach (var child in node.Children)
        {
            if (child.Kind == FrameNodeKind.Word)
            {
                continue;
            }

            var violation = child.Kind == node.Kind
                ? new FrameViolation(FrameParser.Excerpt(child.Text), node.Kind == FrameNodeKind.Intent
                    ? "an intent holds words and slots; found an intent directly beneath one"
                    : "a slot holds words and intents; found a slot directly beneath one")
                : Check(child);
            if (violation is not null)
            {
                // The path is built on the way back, so that sound trees pay nothing for it.
                return violation with { Path = $"{FrameParser.Excerpt(node.Text)} > {violation.Path}" };
            }
        }

        return null;
    }

    /// <summary>Whether a text can be the label of an intent or a slot, with its prefix.</summary>
    public static bool IsLabel(string label)
    {
        if (!label.StartsWith(FrameNode.IntentPrefix, StringComparison.Ordinal) && !label.StartsWith(FrameNode.SlotPrefix, StringComparison.Ordinal))
        {
            return false;
        }

        var name = label.AsSpan(FrameNode.IntentPrefix.Length);
        if (name.IsEmpty || !char.IsAsciiLetterUpper(name[0]))
        {
            return false;
        }

        foreach (var character in name)
        {
            if (!char.IsAsciiLetterUpper(character) && !char.IsAsciiDigit(character) && character != '_')
            {
                return false;
            }
        }

        return true;
    }
}
