using LayerSkip.Parsing.Tools;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;

namespace LayerSkip.Integrations.Tests.Page;

public class AgentFrameworkPage(Parser parser)
{
    [Fact]
    public async Task Agent()
    {
        IChatClient client = parser.Client;
        AIAgent agent = client.AsAIAgent(name: "parser"); // the shipped parser takes no instructions; other models do
        AgentResponse response = await agent.RunAsync("remind me to call mom at 5 pm");
        Console.WriteLine(response.Text);

        Assert.Equal(Parser.Frame, response.Text);
    }

    [Fact]
    public async Task Tools()
    {
        IChatClient client = parser.Counting();
        AIAgent agent = new FrameToolCallingChatClient(client) // the parser's frames as calls
            .AsAIAgent(tools: [AIFunctionFactory.Create(CreateReminder)]);
        AgentSession session = await agent.CreateSessionAsync();
        AgentResponse response = await agent.RunAsync("remind me to call mom at 5 pm", session);
        Console.WriteLine(response.Messages[^1].Text);

        Assert.Equal("I will remind you to call mom.", response.Messages[^1].Text);
    }

    private static string CreateReminder(string todo, string? dateTime = null) => $"I will remind you to {todo}.";
}
