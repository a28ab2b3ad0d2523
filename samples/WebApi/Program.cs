// A model behind HTTP: a plain endpoint, a streaming one, OpenAI-compatible ones (chat, embeddings), and health.
//
//   dotnet run -c Release --project samples/WebApi
//
// Requests to try: docs/integrations.md, "Over HTTP". Another model: --LayerSkip:ModelPath=DIR.

using System.Net.Sockets;
using LayerSkip.AI;
using Microsoft.Extensions.Options;

if (Array.Exists(args, static arg => arg is "--help" or "-h" or "-?"))
{
    Console.WriteLine("Usage: WebApi [--urls URLS] [--LayerSkip:ModelPath DIR] [--LayerSkip:OPTION VALUE ...]; options are those of LayerSkipOptions.");
    return 0;
}

try
{
    await using var app = WebApi.ChatApp.Create(args);

    // Checks the options: found wrong here they are told in one line, while a host that does not start logs and throws where in its own code that was.
    app.Services.GetRequiredService<LayerSkipModelLoader>();
    await app.RunAsync();
    return 0;
}
catch (Exception e) when (e is OptionsValidationException or InvalidOperationException or ArgumentException or FormatException or IOException or SocketException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
