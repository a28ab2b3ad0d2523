using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests;

public class PublicApiTests
{
    [Fact]
    public void Public_api_is_listed() => PublicApi.AssertListed(typeof(LayerSkipModel).Assembly);
}
