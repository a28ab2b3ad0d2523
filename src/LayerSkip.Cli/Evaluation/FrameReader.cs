using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Cli.Evaluation;

/// <summary>Reads the frames that a model writes.</summary>
internal static class FrameReader
{
    /// <summary>The frame in the decoupled form; null where the text is none.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="form">How it writes frames.</param>
    /// <param name="prompt">The utterance that its positions point into.</param>
    public static FrameTree? Read(string text, TargetForm form, string prompt) =>
        !FrameTree.TryParse(text, out var tree) ? null
            : form == TargetForm.Decoupled ? tree
            : form == TargetForm.Full ? DecoupledForm.FromFull(tree)
            : IndexForm.TryToDecoupled(tree, UtteranceWords.Split(prompt), out var decoupled) ? decoupled
            : null;
}
