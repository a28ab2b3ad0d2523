namespace LayerSkip.Engine.Devices;

/// <summary>A device cannot be used, or failed. The message says which, and why.</summary>
public class DeviceException : Exception
{
    /// <param name="message">Which device, and why.</param>
    /// <param name="innerException">What made it fail, if there is such a thing.</param>
    public DeviceException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
