using LayerSkip.AI.ChatTemplates;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>Reads the template's variables that a request sets itself. All of them are from outside.</summary>
internal static class TemplateVariables
{
    private const string Key = PropertyNames.TemplateVariables;

    // What the request says by other means.
    private static readonly string[] s_taken = ["messages", "tools", "add_generation_prompt"];

    /// <exception cref="ArgumentException">The value is no JSON object, or has a member that is the client's own or cannot be handed to a template.</exception>
    public static Dictionary<string, TemplateValue> Read(AdditionalPropertiesDictionary? properties)
    {
        var variables = new Dictionary<string, TemplateValue>();
        if (AdditionalSettings.Members(properties, Key) is not { } members)
        {
            return variables;
        }

        foreach (var member in members.EnumerateObject())
        {
            if (s_taken.Contains(member.Name))
            {
                throw new ArgumentException(
                    $"ChatOptions.AdditionalProperties[\"{Key}\"] has the member '{member.Name}', expected none of {string.Join(", ", s_taken)}, which the client sets.");
            }

            try
            {
                variables[member.Name] = TemplateValue.FromJson(member.Value);
            }
            catch (ArgumentException exception)
            {
                throw new ArgumentException($"ChatOptions.AdditionalProperties[\"{Key}\"], member '{member.Name}': {exception.Message}", exception);
            }
        }

        return variables;
    }
}
