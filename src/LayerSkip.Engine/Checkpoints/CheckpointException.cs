namespace LayerSkip.Engine.Checkpoints;

/// <summary>A checkpoint's file, field or tensor is missing, damaged or of a kind the engine does not run.</summary>
/// <remarks>The message names the file, field or tensor, what was found and what was expected.</remarks>
public sealed class CheckpointException : Exception
{
    /// <summary>Creates the exception with a message that names what is wrong, what was found and what was expected.</summary>
    public CheckpointException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with such a message and the error beneath it.</summary>
    public CheckpointException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The error of a model that computes no finite numbers.</summary>
    /// <param name="model">Its name.</param>
    /// <param name="found">What is not finite.</param>
    internal static CheckpointException WeightsDamaged(string model, string found) =>
        new($"{model}: {found}, expected finite numbers: the weights are damaged");

    /// <summary>The error of a model that gives no token a logit.</summary>
    /// <param name="model">Its name.</param>
    internal static CheckpointException NoLogit(string model) => WeightsDamaged(model, "every logit is NaN");
}
