using System.Text.RegularExpressions;
using LayerSkip.AI.ChatTemplates;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>How a model takes <see cref="ReasoningOptions"/>: its template tells by the variables it reads and the marks it writes.</summary>
internal sealed partial class ReasoningSupport(ChatTemplate template)
{
    private const string Switch = "enable_thinking";
    private const string ShortSwitch = "thinking";
    private const string Effort = "reasoning_effort";

    private static readonly IReadOnlyDictionary<string, TemplateValue> s_none = new Dictionary<string, TemplateValue>();

    private readonly bool _hasSwitch = template.Source.Contains(Switch, StringComparison.Ordinal);
    private readonly bool _hasShortSwitch = ReadsShortSwitch().IsMatch(template.Source);
    private readonly bool _hasEffort = template.Source.Contains(Effort, StringComparison.Ordinal);
    private readonly bool _hasMarks = template.Source.Contains(AnswerReasoning.End, StringComparison.Ordinal);

    /// <summary>The marks that the model writes around its reasoning; none where the template knows none.</summary>
    public IReadOnlyList<string> Marks => _hasMarks ? [AnswerReasoning.Begin, AnswerReasoning.End] : [];

    /// <summary>The template's variables for what a request asks; none where it leaves that to the model.</summary>
    /// <param name="options">What it asks.</param>
    /// <param name="unsupported">Told where the template does not know it.</param>
    public IReadOnlyDictionary<string, TemplateValue> Variables(ReasoningOptions? options, UnsupportedOptions unsupported)
    {
        if (options?.Effort is not { } effort)
        {
            return s_none;
        }

        var variables = new Dictionary<string, TemplateValue>();
        if (_hasSwitch)
        {
            variables[Switch] = TemplateValue.FromBoolean(effort != ReasoningEffort.None);
        }

        if (_hasShortSwitch)
        {
            variables[ShortSwitch] = TemplateValue.FromBoolean(effort != ReasoningEffort.None);
        }

        if (_hasEffort && Name(effort) is { } name)
        {
            variables[Effort] = TemplateValue.FromText(name, PromptOrigin.Template);
        }

        // A model that does not reason does what None asks.
        if (variables.Count == 0 && (effort != ReasoningEffort.None || _hasMarks || _hasEffort))
        {
            unsupported.Report($"ChatOptions.Reasoning.Effort {effort}");
        }

        return variables;
    }

    /// <summary>What of the answer to a prompt is reasoning; null where the model marks none.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="options">What the request asks of reasoning.</param>
    /// <param name="isStrict">Whether the answer must be JSON or a call: then it is so from its first token, unless reasoning has begun or is asked for.</param>
    public AnswerReasoning? Answer(RenderedPrompt prompt, ReasoningOptions? options, bool isStrict)
    {
        if (!_hasMarks)
        {
            return null;
        }

        // The template's own mark, that is: whatever a user ends with is no mark.
        var hasBegun = prompt.Segments is [.., { Origin: PromptOrigin.Template } last]
            && prompt.Text.AsSpan(last.Start).TrimEnd().EndsWith(AnswerReasoning.Begin, StringComparison.Ordinal);
        var isWanted = hasBegun || !isStrict || options?.Effort is not (null or ReasoningEffort.None);
        return !isWanted ? null : new(hasBegun, options?.Output != ReasoningOutput.None);
    }

    /// <summary>The word is too common to look for it alone.</summary>
    [GeneratedRegex(@"\b(if|elif|not|and|or)\s+thinking\b|\bthinking\s+is\s")]
    private static partial Regex ReadsShortSwitch();

    /// <summary>Templates know three efforts.</summary>
    private static string? Name(ReasoningEffort effort) => effort switch
    {
        ReasoningEffort.Low => "low",
        ReasoningEffort.Medium => "medium",
        ReasoningEffort.High or ReasoningEffort.ExtraHigh => "high",
        _ => null,
    };
}
