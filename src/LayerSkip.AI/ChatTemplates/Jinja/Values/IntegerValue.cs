using System.Numerics;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>An integer without a fixed width, as Python's, but with a bound on its size.</summary>
/// <remarks>Numbers carry an origin, because their digits may complete a control token such as <c>&lt;|reserved_7|&gt;</c>.</remarks>
internal sealed class IntegerValue : Value
{
    /// <summary>Bits an integer may have; arithmetic on it stays cheap.</summary>
    public const int MaxBits = 4096;

    public IntegerValue(BigInteger value, PromptOrigin origin = PromptOrigin.Template)
    {
        if (value.GetBitLength() > MaxBits)
        {
            throw new JinjaException($"an integer would grow past {MaxBits} bits.");
        }

        Number = value;
        Origin = origin;
    }

    public BigInteger Number { get; }

    public override PromptOrigin Origin { get; }

    public override string TypeName => "int";

    public override bool IsTrue => !Number.IsZero;
}
