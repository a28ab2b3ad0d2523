namespace LayerSkip.Engine.Devices;

/// <summary>What a <see cref="DeviceProvider"/> found on this machine.</summary>
/// <param name="Devices">The devices, by ordinal.</param>
/// <param name="Reason">Why no model can run on any of them; null where one can.</param>
public sealed record DeviceSurvey(IReadOnlyList<DeviceDescription> Devices, string? Reason);
