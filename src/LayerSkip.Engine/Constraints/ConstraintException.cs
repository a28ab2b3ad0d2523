namespace LayerSkip.Engine.Constraints;

/// <summary>A constraint's language has so many alternatives that begin alike that the tokens which may come next take too long to find.</summary>
public sealed class ConstraintException : InvalidOperationException
{
    internal ConstraintException(string message)
        : base(message)
    {
    }
}
