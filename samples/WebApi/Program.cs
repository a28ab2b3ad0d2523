// A model behind HTTP: a plain endpoint, a streaming one, OpenAI-compatible ones (chat, embeddings), and health.
//
//   dotnet run -c Release --project samples/WebApi
//   curl localhost:5080/chat -H 'content-type: application/json' -d '{"messages":[{"role":"user","content":"wake me at 7"}]}'
//   curl -N localhost:5080/chat/stream -H 'content-type: application/json' -d '{"messages":[{"role":"user","content":"wake me at 7"}]}'
//
// Another model: --LayerSkip:ModelPath=DIR. Clients of OpenAI's API take http://localhost:5080/v1 as their endpoint.

if (Array.Exists(args, static arg => arg is "--help" or "-h" or "-?"))
{
    Console.WriteLine("Usage: WebApi [--urls URLS] [--LayerSkip:ModelPath DIR] [--LayerSkip:OPTION VALUE ...]; options are those of LayerSkipOptions.");
    return;
}

await WebApi.ChatApp.Create(args).RunAsync();
