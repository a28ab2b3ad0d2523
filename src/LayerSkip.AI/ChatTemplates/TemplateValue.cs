using System.Numerics;
using System.Text.Json;
using LayerSkip.AI.ChatTemplates.Jinja;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>A value handed to a chat template, with the origin of its text. Immutable.</summary>
/// <remarks>Where no origin is given it is <see cref="PromptOrigin.Outside"/>: such text cannot become a control token.</remarks>
public sealed class TemplateValue
{
    private TemplateValue(Value value) => Value = value;

    /// <summary>The template language's <c>none</c>.</summary>
    public static TemplateValue None { get; } = new(NoneValue.Instance);

    internal Value Value { get; }

    /// <summary>A text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="origin">Where it comes from.</param>
    public static TemplateValue FromText(string text, PromptOrigin origin = PromptOrigin.Outside)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new TemplateValue(StringValue.Of(text, origin));
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public static TemplateValue FromBoolean(bool value) => new(BooleanValue.Of(value));

    /// <summary>An integer.</summary>
    /// <param name="value">The number.</param>
    /// <param name="origin">Where it comes from.</param>
    public static TemplateValue FromInteger(long value, PromptOrigin origin = PromptOrigin.Outside) => new(new IntegerValue(new BigInteger(value), origin));

    /// <summary>A floating-point number.</summary>
    /// <param name="value">The number.</param>
    /// <param name="origin">Where it comes from.</param>
    public static TemplateValue FromDouble(double value, PromptOrigin origin = PromptOrigin.Outside) => new(new FloatValue(value, origin));

    /// <summary>A list.</summary>
    /// <param name="items">The items in order.</param>
    /// <exception cref="ArgumentException">Containers are nested more than 128 levels deep.</exception>
    public static TemplateValue FromList(IEnumerable<TemplateValue> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return Create(() => new ListValue([.. items.Select(item => item.Value)]), nameof(items));
    }

    /// <summary>A dict, in the order of its entries.</summary>
    /// <param name="entries">Keys and values; a later entry replaces an earlier one of the same key.</param>
    /// <param name="keyOrigin">Where the keys come from.</param>
    /// <exception cref="ArgumentException">Containers are nested more than 128 levels deep.</exception>
    public static TemplateValue FromMap(IEnumerable<KeyValuePair<string, TemplateValue>> entries, PromptOrigin keyOrigin = PromptOrigin.Outside)
    {
        ArgumentNullException.ThrowIfNull(entries);
        return Create(
            () => new DictValue(entries.Select(entry => KeyValuePair.Create<Value, Value>(StringValue.Of(entry.Key, keyOrigin), entry.Value.Value))),
            nameof(entries));
    }

    /// <summary>Whatever the JSON is; numbers without point and exponent become integers.</summary>
    /// <param name="element">The JSON.</param>
    /// <param name="origin">Where all of it comes from, the names of members included.</param>
    /// <exception cref="ArgumentException">
    /// The element is undefined, is nested more than 128 levels deep, or holds a string that is not valid Unicode or a number of
    /// more than 1000 digits.
    /// </exception>
    public static TemplateValue FromJson(JsonElement element, PromptOrigin origin = PromptOrigin.Outside) =>
        Create(() => JsonValue.From(element, origin), nameof(element));

    private static TemplateValue Create(Func<Value> create, string parameter)
    {
        try
        {
            return new TemplateValue(create());
        }
        catch (JinjaException exception)
        {
            throw new ArgumentException(exception.Message, parameter, exception);
        }
    }
}
