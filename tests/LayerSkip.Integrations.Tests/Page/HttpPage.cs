using System.ClientModel;
using Microsoft.Extensions.AI;
using OpenAI;
using WebApi;

namespace LayerSkip.Integrations.Tests.Page;

public class HttpPage
{
    [Fact]
    public async Task OpenAI_client()
    {
        await using var app = ChatApp.Create(["--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default=None", $"--LayerSkip:ModelPath={Parser.ModelPath}"]);
        await app.StartAsync();
        var address = app.Urls.Single();

        var openAI = new OpenAIClient(new ApiKeyCredential("unused"), new OpenAIClientOptions { Endpoint = new Uri(address + "/v1") });
        using IChatClient remote = openAI.GetChatClient("topv2-parser").AsIChatClient();
        var response = await remote.GetResponseAsync("remind me to call mom at 5 pm");

        Assert.Equal(Parser.Frame, response.Text);
    }
}
