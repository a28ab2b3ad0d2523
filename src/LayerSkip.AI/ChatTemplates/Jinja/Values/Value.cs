namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A value of the template language. Immutable, namespaces apart, so that values may be shared between renderings.</summary>
internal abstract class Value
{
    /// <summary>Python's name of the type, for messages.</summary>
    public abstract string TypeName { get; }

    /// <summary>The least trusted origin of anything inside the value: the origin of whatever is computed from it.</summary>
    public virtual PromptOrigin Origin => PromptOrigin.Template;

    /// <summary>Python's truth value.</summary>
    public virtual bool IsTrue => true;

    /// <summary>Levels of containers inside: 0 for a scalar. Bounded, so that walks over values may recurse.</summary>
    public virtual int Depth => 0;

    public static PromptOrigin LeastTrusted(PromptOrigin left, PromptOrigin right) => left < right ? left : right;
}
