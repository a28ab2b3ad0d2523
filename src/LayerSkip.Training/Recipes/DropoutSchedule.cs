namespace LayerSkip.Training.Recipes;

/// <summary>S(t): how layer dropout grows over the steps t = 0 .. T − 1.</summary>
public enum DropoutSchedule
{
    /// <summary>S = 1: for fine-tuning and continued pretraining.</summary>
    Constant,

    /// <summary>S = 2^(t / (T − 1)) − 1, from 0 to 1: for training from scratch, with a higher learning rate.</summary>
    Exponential,
}
