using LayerSkip.Parsing.Frames;
using LayerSkip.Tests;

namespace LayerSkip.Parsing.Tests;

public class PublicApiTests
{
    [Fact]
    public void Public_api_is_listed() => PublicApi.AssertListed(typeof(FrameTree).Assembly);
}
