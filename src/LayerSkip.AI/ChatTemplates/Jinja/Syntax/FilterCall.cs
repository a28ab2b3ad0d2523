namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary><c>| name(arguments)</c></summary>
internal sealed record FilterCall(string Name, CallArguments Arguments, int Line);
