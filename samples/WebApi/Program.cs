// A model behind HTTP: a plain endpoint, a streaming one, OpenAI-compatible ones (chat, embeddings), and health.
//
//   dotnet run -c Release --project samples/WebApi
//
// Requests to try: docs/integrations.md, "Over HTTP". Another model: --LayerSkip:ModelPath=DIR.

if (Array.Exists(args, static arg => arg is "--help" or "-h" or "-?"))
{
    Console.WriteLine("Usage: WebApi [--urls URLS] [--LayerSkip:ModelPath DIR] [--LayerSkip:OPTION VALUE ...]; options are those of LayerSkipOptions.");
    return;
}

await WebApi.ChatApp.Create(args).RunAsync();
