namespace LayerSkip.Cli;

/// <summary>The user asked for what cannot be done. The message, one line, names the option or file, what was found and what was expected.</summary>
internal sealed class UsageException(string message) : Exception(message);
