using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Data;

/// <summary>One row of a TOPv2 file.</summary>
/// <param name="Domain">The domain, such as <c>weather</c>. Not empty.</param>
/// <param name="Utterance">The utterance as its author typed it. Not empty.</param>
/// <param name="Parse">Its parse in the full form; valid.</param>
/// <param name="Line">The row's 1-based line in the file; the header is line 1.</param>
public sealed record TopV2Row(string Domain, string Utterance, FrameTree Parse, int Line);
