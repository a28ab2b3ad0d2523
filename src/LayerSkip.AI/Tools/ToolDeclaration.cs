using System.Runtime.CompilerServices;
using System.Text.Json;
using LayerSkip.AI.Requests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tools;

/// <summary>A tool that the model may call.</summary>
/// <param name="Name">Its name, unique in a request.</param>
/// <param name="Parameters">The JSON schema of its arguments, an object.</param>
/// <param name="Json">All of it as templates know it: <c>{"type": "function", "function": {"name": …, "description": …, "parameters": …}}</c>.</param>
internal sealed record ToolDeclaration(string Name, JsonElement Parameters, JsonElement Json)
{
    /// <summary>Characters of a name at most: more than any service takes.</summary>
    private const int MaxNameLength = 256;

    // A tool comes with request after request, and is what it is.
    private static readonly ConditionalWeakTable<AIFunctionDeclaration, ToolDeclaration> s_known = [];

    private static readonly JsonElement s_noParameters = JsonElement.Parse("""{"type": "object", "properties": {}}""");

    /// <summary>Reads a request's tools. Whatever can be called by name is taken, with or without an implementation.</summary>
    /// <param name="tools">The tools, or null.</param>
    /// <param name="unsupported">Told of tools that only a hosted service has.</param>
    /// <exception cref="ArgumentException">A tool is null, or has no name or one that is too long, or two have the same.</exception>
    public static IReadOnlyList<ToolDeclaration> Read(IList<AITool>? tools, UnsupportedOptions unsupported)
    {
        var declarations = new List<ToolDeclaration>();
        foreach (var tool in tools ?? [])
        {
            switch (tool)
            {
                case null:
                    throw new ArgumentException("ChatOptions.Tools holds a null.", nameof(tools));
                case AIFunctionDeclaration function when string.IsNullOrEmpty(function.Name):
                    throw new ArgumentException($"ChatOptions.Tools holds a {tool.GetType().Name} without a name.", nameof(tools));
                case AIFunctionDeclaration { Name.Length: > MaxNameLength } function:
                    throw new ArgumentException(
                        $"ChatOptions.Tools holds a tool whose name has {function.Name.Length} characters ('{function.Name[..32]}…'), expected at most {MaxNameLength}.", nameof(tools));
                case AIFunctionDeclaration function when declarations.Exists(declaration => declaration.Name == function.Name):
                    throw new ArgumentException($"ChatOptions.Tools holds two tools named '{function.Name}', expected different names.", nameof(tools));
                case AIFunctionDeclaration function:
                    declarations.Add(s_known.GetValue(function, Read));
                    break;
                default:
                    unsupported.Report($"ChatOptions.Tools with a {tool.GetType().Name}");
                    break;
            }
        }

        return declarations;
    }

    private static ToolDeclaration Read(AIFunctionDeclaration function)
    {
        var parameters = function.JsonSchema.ValueKind == JsonValueKind.Object ? function.JsonSchema : s_noParameters;
        var json = JsonText.Write(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("type", "function");
            writer.WriteStartObject("function");
            writer.WriteString("name", function.Name);
            writer.WriteString("description", function.Description);
            writer.WriteStartObject("parameters");
            foreach (var keyword in parameters.EnumerateObject())
            {
                // Says which dialect of JSON schema it is: nothing to the model.
                if (keyword.Name != "$schema")
                {
                    keyword.WriteTo(writer);
                }
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        });
        return new(function.Name, parameters, JsonElement.Parse(json));
    }
}
