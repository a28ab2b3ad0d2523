using System.CommandLine;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Grounding;

namespace LayerSkip.Cli.Commands;

/// <summary><c>--grounded</c> of commands that answer messages.</summary>
internal static class GroundedOption
{
    /// <summary>The option.</summary>
    /// <param name="condition">What it needs beside, or nothing.</param>
    public static Option<bool> Create(string condition = "") => new("--grounded")
    {
        Description = $"Hold an answer to the frames that its message can have, for semantic parsers: well-formed, of its own words, in its order{condition} (default: anything may be answered).",
    };

    /// <summary>What a message's answer may be.</summary>
    /// <exception cref="UsageException">The message has too many words.</exception>
    public static TokenConstraint Constrain(string name, string message, Tokenizer tokenizer)
    {
        Require(name, message);
        return GroundedFrames.Constrain(message, tokenizer);
    }

    /// <summary>Requires a message that answers can be held to.</summary>
    /// <exception cref="UsageException">It has too many words.</exception>
    public static void Require(string name, string message)
    {
        if (UtteranceWords.Split(message).Length is > GroundedFrames.MaxWords and var words)
        {
            throw new UsageException($"{name} has {words} words, expected at most {GroundedFrames.MaxWords} with --grounded");
        }
    }
}
