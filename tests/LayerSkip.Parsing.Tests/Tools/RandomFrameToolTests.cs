using System.Text.Json;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;
using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tests.Tools;

/// <summary>Random frames, over tools of random schemas.</summary>
public class RandomFrameToolTests
{
    private static readonly string[] s_schemas =
    [
        """{"type":"string"}""", """{"type":["string","null"]}""", """{"type":"integer"}""", """{"type":"array","items":{"type":"string"}}""",
        """{"type":"object"}""", """{"type":"object","properties":{"s_0":{"type":"string"},"s_1":{"type":"array","items":{"type":"integer"}}},"required":["s_0"]}""",
        """{"enum":["a","b"]}""", "{}", "true", """{"type":"null"}""", """{"type":7,"enum":"x","properties":[]}""", "false",
    ];

    private static readonly string[] s_names = ["get_i0", "GetI1", "i2", "plugin-I3"];

    [Fact]
    public async Task Every_turn_ends_and_every_argument_has_the_type_that_its_parameter_takes()
    {
        var random = new Random(20);
        var (calls, nested) = (0, 0);
        for (var i = 0; i < 3000; i++)
        {
            var full = new FrameTree(Relabel(RandomFrames.Tree(random).Root));
            var frame = random.Next(2) == 0 ? full : DecoupledForm.FromFull(full);
            var utterance = string.Join(random.Next(2) == 0 ? " " : "  ", full.Words());
            var options = new ChatOptions { Tools = [.. Tools(random)], AllowMultipleToolCalls = random.Next(2) == 0 ? null : false };
            using var parser = new ScriptedParser(frame.ToString());
            using var client = new FrameToolCallingChatClient(parser);

            List<ChatMessage> messages = [new(ChatRole.User, utterance.Length > 0 ? utterance : "x")];
            for (var round = 0; ; round++)
            {
                Assert.True(round < 200, frame.ToString());
                var response = await client.GetResponseAsync(messages, options);
                var asked = response.Messages[0].Contents.OfType<FunctionCallContent>().ToList();
                if (asked.Count == 0)
                {
                    Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
                    break;
                }

                Assert.Empty(response.Text);
                calls += asked.Count;
                nested += asked.Count(call => call.CallId.Contains('-', StringComparison.Ordinal));
                messages.AddRange(response.Messages);
                foreach (var call in asked)
                {
                    var schema = options.Tools.OfType<AIFunctionDeclaration>().First(tool => tool.Name == call.Name).JsonSchema;
                    AssertFits(schema, JsonSerializer.SerializeToElement(call.Arguments));
                    messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, Result(random))]));
                }
            }

            Assert.Single(parser.Requests);
        }

        Assert.True(calls > 500 && nested > 50, $"{calls} calls, {nested} of them nested");
    }

    /// <summary>Half of the intents ask for values, and are alone in their slots.</summary>
    private static FrameNode Relabel(FrameNode node)
    {
        FrameNode[] children = [.. node.Children.Select(Relabel)];
        return node.Kind switch
        {
            FrameNodeKind.Intent => FrameNode.Intent(node.Text is "IN:I0" or "IN:I1" ? node.Text.Replace("IN:", "IN:GET_", StringComparison.Ordinal) : node.Text, children),
            FrameNodeKind.Slot => FrameNode.Slot(node.Text, children.FirstOrDefault(child => child.Text.StartsWith("IN:GET_", StringComparison.Ordinal)) is { } asks ? [asks] : children),
            _ => node,
        };
    }

    private static IEnumerable<AITool> Tools(Random random)
    {
        foreach (var name in s_names.Where(_ => random.Next(4) > 0))
        {
            string[] slots = [.. Enumerable.Range(0, 4).Where(_ => random.Next(2) == 0).Select(slot => "s" + slot)];
            var properties = string.Join(',', slots.Select(slot => $"\"{slot}\":{s_schemas[random.Next(s_schemas.Length)]}"));
            var required = string.Join(',', slots.Where(_ => random.Next(4) == 0).Select(slot => $"\"{slot}\""));
            yield return AIFunctionFactory.CreateDeclaration(name, null, JsonElement.Parse($$"""{"type":"object","properties":{ {{properties}} },"required":[{{required}}]}"""));
        }
    }

    private static object? Result(Random random) => random.Next(5) switch
    {
        0 => null,
        1 => "a",
        2 => JsonElement.Parse("7"),
        3 => JsonElement.Parse("""["a"]"""),
        _ => JsonElement.Parse("\"a b\""),
    };

    private static void AssertFits(JsonElement schema, JsonElement arguments)
    {
        var properties = schema.GetProperty("properties");
        Assert.All(schema.GetProperty("required").EnumerateArray(), name => Assert.True(arguments.TryGetProperty(name.GetString()!, out _)));
        foreach (var argument in arguments.EnumerateObject())
        {
            var type = properties.GetProperty(argument.Name) is { ValueKind: JsonValueKind.Object } typed && typed.TryGetProperty("type", out var found) ? found.ToString() : "";
            switch (argument.Value.ValueKind)
            {
                case JsonValueKind.String:
                    Assert.True(type is "" or "string" or "7" || type.Contains("string", StringComparison.Ordinal), type);
                    break;
                case JsonValueKind.Null:
                    Assert.Contains("null", type, StringComparison.Ordinal);
                    break;
                case JsonValueKind.Number:
                    Assert.Contains("integer", type, StringComparison.Ordinal);
                    break;
            }
        }
    }
}
