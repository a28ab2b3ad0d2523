namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A kernel did what none may do.</summary>
/// <param name="message">What it did.</param>
internal sealed class KernelFaultException(string message) : Exception(message);
