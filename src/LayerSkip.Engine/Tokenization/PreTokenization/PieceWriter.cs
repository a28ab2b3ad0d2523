using System.Buffers;

namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary>Rewrites one piece; <paramref name="isAtStart"/> tells whether it begins the whole text.</summary>
internal delegate void PieceWriter(ReadOnlySpan<char> piece, bool isAtStart, ArrayBufferWriter<char> output);
