using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Devices;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>A device whose rounds are run step by step, though it could run them as a whole.</summary>
internal sealed class Stepwise(IDeviceModel model) : DelegatingDevice(model), IDeviceModel
{
    /// <summary>Whether the device draws tokens; else the host does.</summary>
    public bool DrawsTokens { get; init; } = model.DrawsTokens;

    public void Draw(RowBuffer rows, int start, TokenDraw draw, Span<TokenGuess> tokens) => Inner.Draw(rows, start, draw, tokens);
}
