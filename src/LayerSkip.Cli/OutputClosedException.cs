namespace LayerSkip.Cli;

/// <summary>Nobody reads any more what is written, as behind <c>| head</c>: there is no point in going on.</summary>
internal sealed class OutputClosedException(string message, Exception inner) : IOException(message, inner);
