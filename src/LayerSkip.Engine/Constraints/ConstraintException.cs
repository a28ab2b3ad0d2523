namespace LayerSkip.Engine.Constraints;

/// <summary>
/// A constraint cannot be kept to: its language has so many alternatives that begin alike that the tokens which may come next take too long to find, or asks for what no
/// token of the vocabulary can write.
/// </summary>
public sealed class ConstraintException : InvalidOperationException
{
    internal ConstraintException(string message)
        : base(message)
    {
    }
}
