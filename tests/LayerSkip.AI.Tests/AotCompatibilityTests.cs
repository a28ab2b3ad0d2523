using System.Reflection;
using LayerSkip.Engine;

namespace LayerSkip.AI.Tests;

/// <summary>That the packages say they can be trimmed and compiled ahead of time; the analyzers that check it are errors in their builds.</summary>
public class AotCompatibilityTests
{
    [Theory]
    [InlineData(typeof(LayerSkipChatClient))]
    [InlineData(typeof(LayerSkipModel))]
    public void Assembly_is_marked(Type type)
    {
        var metadata = type.Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().ToDictionary(attribute => attribute.Key, attribute => attribute.Value);

        Assert.Equal(("True", "True"), (metadata.GetValueOrDefault("IsTrimmable"), metadata.GetValueOrDefault("IsAotCompatible")));
    }
}
