using LayerSkip.Tests;

namespace LayerSkip.AI.Tests;

public class PublicApiTests
{
    [Fact]
    public void Public_api_is_listed() => PublicApi.AssertListed(typeof(LayerSkipChatClient).Assembly);
}
