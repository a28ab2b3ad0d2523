using LayerSkip.Tests;

namespace LayerSkip.Tokenizers.Tests;

public class PublicApiTests
{
    [Fact]
    public void Public_api_is_listed() => PublicApi.AssertListed(typeof(ModelTokenizer).Assembly);
}
