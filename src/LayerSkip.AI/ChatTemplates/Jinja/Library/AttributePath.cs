using System.Globalization;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>The attribute that <c>map(attribute='function.name')</c> and its like name: keys and indices between dots.</summary>
internal sealed class AttributePath
{
    private readonly Value[] _parts;

    private AttributePath(Value[] parts) => _parts = parts;

    public static AttributePath Parse(Value attribute, RenderBudget budget)
    {
        if (attribute is IntegerValue)
        {
            return new AttributePath([attribute]);
        }

        var path = Parameters.Text(attribute, "attribute", "name");
        return new AttributePath([.. TextSplitting.Split(path, StringValue.Of(".", PromptOrigin.Template), limit: -1, fromRight: false, budget).Items.Select(Part)]);
    }

    /// <summary>The attribute of an item; the fallback, if any, where it is undefined.</summary>
    public Value Read(Value item, RenderBudget budget, Value? fallback = null)
    {
        foreach (var part in _parts)
        {
            budget.Spend(1);
            item = Members.Item(item, part, budget);
            if (item is UndefinedValue && fallback is not null)
            {
                return fallback;
            }
        }

        return item;
    }

    private static Value Part(Value part) => int.TryParse(((StringValue)part).Text, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
        ? new IntegerValue(index)
        : part;
}
