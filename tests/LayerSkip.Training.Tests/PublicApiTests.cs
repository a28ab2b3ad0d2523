using LayerSkip.Tests;

namespace LayerSkip.Training.Tests;

public class PublicApiTests
{
    [Fact]
    public void Public_api_is_listed() => PublicApi.AssertListed(typeof(Trainer).Assembly);
}
