using System.ClientModel;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using System.Text.Json;
using LayerSkip.AI;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Parsing.Tools;
using LayerSkip.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenAI;
using WebApi;

namespace LayerSkip.Integrations.Tests.Samples;

/// <summary>The sample over real HTTP on a free port, asked with plain requests and with OpenAI's own client.</summary>
public sealed class WebApiTests : IAsyncLifetime
{
    private static readonly object s_question = new { messages = new[] { new { role = "user", content = Parser.Utterance } } };

    private readonly TaskCompletionSource _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HttpClient _http = new();
    private WatchingClient? _watching;
    private WebApplication _app = null!;

    public async ValueTask InitializeAsync()
    {
        _app = await Start($"--LayerSkip:ModelPath={Parser.ModelPath}");
        _http.BaseAddress = new Uri(_app.Urls.Single());
        await _app.Services.GetRequiredService<LayerSkipModelLoader>().WaitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }

    [Fact]
    public async Task Health_is_told_in_json()
    {
        var health = await _http.GetFromJsonAsync<JsonElement>("/health");

        Assert.Equal("Healthy", health.GetProperty("status").GetString());
        Assert.Equal("topv2-parser", health.GetProperty("data").GetProperty("model").GetString());
    }

    [Fact]
    public async Task A_model_that_could_not_be_loaded_makes_the_host_unhealthy_and_requests_fail_without_telling_paths()
    {
        using var broken = TinyCheckpoint.Write();
        File.WriteAllText(broken.PathOf("model.safetensors"), "torn");
        await using var app = await Start($"--LayerSkip:ModelPath={broken.Directory}");
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        await Assert.ThrowsAnyAsync<Exception>(() => app.Services.GetRequiredService<LayerSkipModelLoader>().WaitAsync());

        var health = await http.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        var said = await health.Content.ReadAsStringAsync();
        Assert.Contains("could not be loaded", said, StringComparison.Ordinal);
        Assert.DoesNotContain("safetensors", said, StringComparison.Ordinal);
        Assert.DoesNotContain(Path.GetDirectoryName(broken.Directory)!, said, StringComparison.Ordinal);
        var response = await http.PostAsJsonAsync("/chat", s_question);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.DoesNotContain("safetensors", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_answers_and_says_what_it_cost()
    {
        // Always drafted: what auto does in a process that has just begun depends on what it measures.
        await using var app = await Start($"--LayerSkip:ModelPath={Parser.ModelPath}", "--LayerSkip:ExitLayer=2");
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        var response = await http.PostAsJsonAsync("/chat", s_question);

        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(Parser.Frame, answer.GetProperty("text").GetString());
        Assert.Equal(("topv2-parser", "stop"), (answer.GetProperty("model").GetString(), answer.GetProperty("finish_reason").GetString()));
        Assert.True(answer.GetProperty("output_tokens").GetInt64() > 5);
        Assert.InRange(answer.GetProperty("acceptance_rate").GetDouble(), 0.01, 1);
    }

    [Fact]
    public async Task What_an_answer_has_not_is_left_out_or_null()
    {
        using var cut = await _http.PostAsJsonAsync("/chat", new { messages = new[] { new { role = "user", content = Parser.Utterance } }, max_output_tokens = 1 });
        Assert.Equal(JsonValueKind.Null, (await cut.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("acceptance_rate").ValueKind);

        using var whole = await _http.PostAsJsonAsync("/v1/chat/completions", s_question);
        var choice = (await whole.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("choices")[0];
        Assert.False(choice.TryGetProperty("delta", out _));
        Assert.False(choice.GetProperty("message").TryGetProperty("tool_calls", out _));
        Assert.Equal(Parser.Frame, choice.GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task Chat_streams_pieces_and_ends_with_what_they_did_not_tell()
    {
        using var response = await Post("/chat/stream", JsonSerializer.Serialize(s_question));

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var events = await SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync().ToListAsync();
        var pieces = events.Where(item => item.EventType == "text").Select(item => JsonElement.Parse(item.Data).GetProperty("text").GetString()).ToList();
        Assert.Equal(Parser.Frame, string.Concat(pieces));
        Assert.Equal("end", events[^1].EventType);
        Assert.All(events.SkipLast(1), item => Assert.Equal(["text"], JsonElement.Parse(item.Data).EnumerateObject().Select(field => field.Name)));
        var end = JsonElement.Parse(events[^1].Data);
        Assert.Equal(["model", "finish_reason", "input_tokens", "output_tokens", "acceptance_rate"], end.EnumerateObject().Select(field => field.Name));
        Assert.Equal("stop", end.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task A_streams_end_leaves_out_what_an_answer_has_not()
    {
        using var response = await Post("/chat/stream", """{"messages":[{"role":"user","content":"wake me at 7"}],"max_output_tokens":1}""");

        var events = await SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync().ToListAsync();
        Assert.Equal("""{"model":"topv2-parser","finish_reason":"length","input_tokens":7,"output_tokens":1}""", events[^1].Data);
    }

    [Theory]
    [InlineData("/chat", "{}", "messages is missing or empty, expected at least one")]
    [InlineData("/v1/chat/completions", "{}", "messages is missing or empty, expected at least one")]
    [InlineData("/chat", "{", "The request's body cannot be read from line 1, byte 2 on, expected JSON")]
    [InlineData("/chat", "null", "The request's body is null, expected a JSON object.")]
    [InlineData("/v1/embeddings", "[]", "The request's body cannot be read, expected a JSON object.")]
    [InlineData("/v1/embeddings", "[} x", "cannot be read from line 1, byte 2 on")]
    [InlineData("/chat", "", "The request has no body, expected a JSON object.")]
    [InlineData("/chat", """{"messages":[{"role":"bogus","content":"x"}]}""", "messages[0].role is 'bogus', expected system, user or assistant")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"User","content":"x"}]}""", "messages[0].role is 'User', expected")]
    [InlineData("/chat", """{"messages":[]}""", "messages is missing or empty")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"x"}],"max_output_tokens":0}""", "max_output_tokens is 0, expected at least 1 and at most 4096")]
    [InlineData("/chat/stream", """{"messages":[{"role":"user","content":"x"}],"temperature":-1}""", "emperature")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}""", "messages[0].content[0]")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"tool","content":"x"}]}""", "messages[0].tool_call_id")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"["}}]}]}""", "tool_calls[0].function.arguments")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"stop":7}""", "stop is 7")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"n":2}""", "n is 2")]
    [InlineData("/v1/embeddings", """{"input":7}""", "input is 7")]
    [InlineData("/v1/embeddings", """{"input":[]}""", "input is empty, expected a text or an array of at least one.")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"x"}],"messages":[{"role":"user","content":"y"}]}""", "messages is given twice, expected once.")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"x","content":"y"}]}""", "messages[0].content is given twice, expected once.")]
    [InlineData("/chat/stream", """{"messages":[{"role":"user","content":"x"}],"Messages":[]}""", "'Messages' is not known here, expected one of messages,")]
    [InlineData("/v1/chat/completions", """{"Messages":[{"role":"user","content":"x"}]}""", "messages is missing or empty")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}""", "temperature cannot be read, expected a number.")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":7}]}""", "messages[0].content cannot be read, expected a text.")]
    [InlineData("/chat", """{"messages":"x"}""", "messages cannot be read, expected an array.")]
    [InlineData("/v1/chat/completions", """{"messages":[7]}""", "messages[0] cannot be read, expected a JSON object.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"seed":1.5}""", "seed cannot be read, expected an integer of 64 bits.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"stream":"yes"}""", "stream cannot be read, expected true or false.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"max_tokens":-1}""", "max_tokens is -1, expected at least 1 and at most 4096")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"max_completion_tokens":0}""", "max_completion_tokens is 0, expected")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":" "}]}""", "messages[0].content is empty, expected a text")]
    [InlineData("/chat", """{"messages":[{"role":"user"}]}""", "messages[0].content is missing, expected a text")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":""}]}""", "messages[0].content is empty, expected a text")]
    [InlineData("/v1/embeddings", """{"input":"x","encoding_format":"hex"}""", "encoding_format")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"exit_layer":99,"stream":true}""", "exit_layer must lie in 1..11")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"stop":["a",""]}""", "stop holds an empty text.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tool_choice":"required"}""", "tool_choice requires a tool call, but tools holds no function, expected at least one.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"function","function":{"name":"f"}}}""", "tool_choice requires a call of 'f', expected one of tools: (none).")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"exit_layer":"four"}""", "exit_layer is four, expected an integer.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"num_speculations":0}""", "num_speculations must lie in 1..64.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":30}""", "top_logprobs must lie in 0..20.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"frequency_penalty":1e39}""", "frequency_penalty must be finite.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"presence_penalty":-1e39}""", "presence_penalty must be finite.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"temperature":1e39}""", "temperature must be 0 (greedy) or positive and finite.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"top_p":2}""", "top_p must lie in 0..1")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"reasoning_effort":"huge"}""", "reasoning_effort is 'huge', expected none, minimal, low, medium, high or xhigh.")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}]}""", "tools holds two tools named 'f'")]
    [InlineData("/v1/embeddings", """{"input":["x",""]}""", "input[1] has 0 tokens")]
    [InlineData("/v1/embeddings", """{"input":"x","dimensions":100000}""", "dimensions must lie in 1..192")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tool_choice":"maybe"}""", "tool_choice")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"xml"}}""", "response_format")]
    [InlineData("/chat", """{"messages":null}""", "messages is missing or empty")]
    [InlineData("/chat", """{"messages":[null]}""", "messages[0].role")]
    [InlineData("/chat", """{"messages":[{"content":"x"}]}""", "messages[0].role")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"x"}],"max_output_tokens":4097}""", "at most 4096")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"\ud800"}]}""", "The request's body holds a text that is no Unicode")]
    [InlineData("/chat", """{"\ud800":1}""", "The request's body holds a text that is no Unicode")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"x"}],"maxTokens":3}""", "'maxTokens' is not known here, expected one of messages, temperature, max_output_tokens.")]
    [InlineData("/chat/stream", """{"messages":[{"role":"user","content":"x"}],"max.tokens'][0":3}""", "'max.tokens'][0' is not known here, expected one of")]
    [InlineData("/chat", """{"messages":[{"role":"user","content":"x","name":"y"}]}""", "'messages[0].name' is not known here, expected one of role, content.")]
    [InlineData("/chat", """{"":1}""", "'' is not known here")]
    [InlineData("/v1/chat/completions", """{"messages":null}""", "messages is missing or empty")]
    [InlineData("/v1/chat/completions", """{"messages":[null]}""", "messages[0].role")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"max_tokens":4097}""", "at most 4096")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tools":[null]}""", "tools[0]")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{}}]}""", "tools[0]")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":7}}]}""", "tools[0].function.parameters is 7")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"title":"\ud800"}}}]}""", "tools[0].function.parameters")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"assistant","tool_calls":[null]}]}""", "tool_calls[0].id")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"assistant","tool_calls":[{"id":"1"}]}]}""", "tool_calls[0].function.name")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":\"\\ud800\"}"}}]}]}""", "tool_calls[0].function.arguments")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"\ud800"}]}""", "messages[0].content")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"stop":"\udc00"}""", "stop")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"stop":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"]}""", "at most 16")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"decoding_mode":"\ud800"}""", "decoding_mode")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":7}}}""", "schema is 7")]
    [InlineData("/v1/embeddings", """{"input":"\ud800"}""", "input")]
    public async Task Bad_requests_get_problem_details_that_name_what_is_wrong(string path, string body, string named)
    {
        using var response = await Post(path, body);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Contains(named, problem.GetProperty("detail").GetString(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal("invalid_request_error", problem.GetProperty("error").GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("/chat", "")]
    [InlineData("/v1/chat/completions", "")]
    [InlineData("/v1/chat/completions", " \n")]
    [InlineData("/v1/embeddings", "")]
    public async Task Body_in_chunks_that_holds_nothing_is_said_to_be_missing(string path, string body)
    {
        using var request = Request(path, body);
        request.Headers.TransferEncodingChunked = true;
        using var response = await _http.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("The request has no body, expected a JSON object.", problem.GetProperty("detail").GetString());
        Assert.Equal("invalid_request_error", problem.GetProperty("error").GetProperty("type").GetString());
    }

    [Fact]
    public async Task What_one_request_may_ask_for_is_bounded()
    {
        var message = new[] { new { role = "user", content = "x" } };
        var tool = new { type = "function", function = new { name = new string('f', 65) } };
        var schema = new { type = "string", description = new string('x', RequestLimits.SchemaLength) };

        foreach (var (path, body, named) in new (string, object, string)[]
        {
            ("/v1/embeddings", new { input = Enumerable.Repeat("x", RequestLimits.EmbeddingInputs + 1) }, "at most 2048"),
            ("/v1/chat/completions", new { messages = message, tools = Enumerable.Repeat(tool, RequestLimits.Tools + 1) }, "at most 128"),
            ("/v1/chat/completions", new { messages = message, tools = new[] { tool } }, "at most 64"),
            ("/v1/chat/completions", new { messages = message, response_format = new { type = "json_schema", json_schema = new { name = "x", schema } } }, "at most 65536"),
        })
        {
            using var response = await Post(path, JsonSerializer.Serialize(body));
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Contains(named, (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString(), StringComparison.Ordinal);
        }

        // Asked whether it may send the body, lest the server hang up on it before the answer has been read.
        using var patient = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) }) { BaseAddress = _http.BaseAddress };
        using var request = Request("/chat", JsonSerializer.Serialize(new { messages = new[] { new { role = "user", content = new string('x', 1 << 20) } } }));
        request.Headers.ExpectContinue = true;
        using var large = await patient.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        Assert.Contains("expected at most 1048576 bytes", await large.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--LayerSkip:ModelPath=/nowhere")]
    [InlineData("--LayerSkip:MaxOutputTokens=many")]
    [InlineData("--LayerSkip:Bogus=1")]
    public void A_start_with_wrong_options_ends_with_an_exit_code_rather_than_an_exception(string option) =>
        Assert.Equal(2, typeof(ChatApp).Assembly.EntryPoint!.Invoke(null, [(string[])[option, "--urls", "http://127.0.0.1:0"]]));

    [Fact]
    public async Task A_start_that_fails_is_told_once()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = $"http://{taken.LocalEndpoint}";
        Assert.Equal(2, typeof(ChatApp).Assembly.EntryPoint!.Invoke(null, [(string[])[$"--LayerSkip:ModelPath={Parser.ModelPath}", "--urls", address, "--Logging:LogLevel:Default=None"]]));

        // Whoever starts the host gets the exception.
        var log = new ErrorLog();
        await using var app = ChatApp.Create([$"--LayerSkip:ModelPath={Parser.ModelPath}", "--urls", address], services => services.AddSingleton<ILoggerProvider>(log));
        Assert.Contains(address, (await Assert.ThrowsAsync<IOException>(() => app.StartAsync())).Message, StringComparison.Ordinal);
        Assert.Empty(log.Errors);
    }

    [Fact]
    public async Task Body_of_another_content_type_is_refused_with_the_one_expected()
    {
        using var response = await _http.PostAsync("/chat", new StringContent("{}", MediaTypeHeaderValue.Parse("application/x-www-form-urlencoded")));

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("The request's content type is 'application/x-www-form-urlencoded', expected application/json.", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Callers_cannot_choose_whose_prompts_they_share()
    {
        using var response = await Post("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"max_tokens":3,"prefix_scope":"another","exit_layer":3,"user":"u"}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var options = _watching!.Options!;
        Assert.Equal(["exit_layer"], options.AdditionalProperties!.Keys);

        var caller = new DefaultHttpContext { User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, "ada")], "test")) };
        Assert.Equal("ada", new ChatOptions().For(caller).AdditionalProperties!["prefix_scope"]);
        Assert.Null(new ChatOptions().For(new DefaultHttpContext()).AdditionalProperties);
    }

    [Fact]
    public async Task Another_model_path_or_method_is_refused_as_OpenAIs_clients_read_it()
    {
        using var response = await Post("/v1/chat/completions", """{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);

        using var nothing = await _http.GetAsync("/nothing");
        Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
        using var notPosted = await _http.GetAsync("/v1/chat/completions");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, notPosted.StatusCode);
        Assert.Equal(["POST"], notPosted.Content.Headers.Allow);
        using var unknown = await _http.GetAsync("/v1/models/gpt-4o");
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        using var deleted = await _http.DeleteAsync("/health");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, deleted.StatusCode);
        foreach (var (refused, says) in new (HttpResponseMessage, string)[]
        {
            (response, "The model 'gpt-4o' is not here; this host has 'topv2-parser'."),
            (nothing, "There is no '/nothing' here, expected one of GET /health, POST /chat, POST /chat/stream, GET /v1/models, GET /v1/models/{model}, POST /v1/chat/completions, POST /v1/embeddings."),
            (notPosted, "'/v1/chat/completions' does not take GET, expected POST."),
            (unknown, "The model 'gpt-4o' is not here; this host has 'topv2-parser'."),
            (deleted, "'/health' does not take DELETE, expected GET, HEAD."),
        })
        {
            using var body = JsonDocument.Parse(await refused.Content.ReadAsStringAsync());
            var error = body.RootElement.GetProperty("error");
            Assert.Equal((says, says), (error.GetProperty("message").GetString(), body.RootElement.GetProperty("detail").GetString()));
            Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        }
    }

    [Theory]
    [InlineData("gpt-4o", "x", "model", "model_not_found")]
    [InlineData("topv2-parser", null, "messages", "context_length_exceeded")]
    [InlineData("topv2-parser", "", "messages[0].content", null)]
    public async Task Errors_that_clients_look_for_have_a_code(string model, string? content, string? param, string? code)
    {
        content ??= string.Concat(Enumerable.Repeat("wake me at 7 ", 200));
        using var response = await Post("/v1/chat/completions", JsonSerializer.Serialize(new { model, messages = new[] { new { role = "user", content } } }));

        var error = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
        Assert.Equal((param, code), (error.GetProperty("param").GetString(), error.GetProperty("code").GetString()));
    }

    [Fact]
    public async Task Models_have_what_OpenAIs_have()
    {
        var model = (await _http.GetFromJsonAsync<JsonElement>("/v1/models")).GetProperty("data")[0];

        Assert.Equal(("topv2-parser", "model", "layerskip"), (model.GetProperty("id").GetString(), model.GetProperty("object").GetString(), model.GetProperty("owned_by").GetString()));
        Assert.InRange(DateTimeOffset.FromUnixTimeSeconds(model.GetProperty("created").GetInt64()), DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow);
    }

    [Fact]
    public async Task A_prompt_that_could_never_run_is_the_callers_to_change()
    {
        await using var app = await Start($"--LayerSkip:ModelPath={Parser.ModelPath}", "--LayerSkip:KvCacheBudget=1");
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        using var response = await http.PostAsJsonAsync("/v1/chat/completions", s_question);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("bytes of KV cache, but KvCacheBudget is 1.", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/chat/stream", "error")]
    [InlineData("/v1/chat/completions", "message")]
    public async Task A_stream_that_fails_says_so_last(string path, string type)
    {
        await using var app = await StartWith(new FailingClient());
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        var body = path == "/chat/stream" ? JsonSerializer.Serialize(s_question) : JsonSerializer.Serialize(new { messages = new[] { new { role = "user", content = "x" } }, stream = true });

        using var response = await http.SendAsync(Request(path, body));
        var events = await SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync().ToListAsync();

        Assert.Contains("Hello", events[^2].Data, StringComparison.Ordinal);
        Assert.Equal((type, "{\"error\":{\"message\":\"The request failed.\",\"type\":\"server_error\"}}"), (events[^1].EventType, events[^1].Data));
    }

    [Fact]
    public async Task Variables_of_the_template_reach_it()
    {
        string? prompt = null;
        await using var app = await StartScripted(text => (prompt = text, "yes").Item2, "{{ date_string }}:{{ messages[0].content }}");
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        const string Body = "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"chat_template_kwargs\":";

        using var response = await http.SendAsync(Request("/v1/chat/completions", Body + "{\"date_string\":\"1 May\"}}"));
        using var refused = await http.SendAsync(Request("/v1/chat/completions", Body + "{\"messages\":[]}}"));

        Assert.Equal((HttpStatusCode.OK, "1 May:x"), (response.StatusCode, prompt));
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("chat_template_kwargs has the member 'messages', expected none of", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_that_hangs_up_ends_the_generation()
    {
        using var endless = WriteEndless(); // only the hang-up can end this
        await using var app = await Start($"--LayerSkip:ModelPath={endless.Directory}", "--LayerSkip:MaxOutputTokens=900000");
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        using (var request = Request("/chat/stream", JsonSerializer.Serialize(s_question)))
        using (var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            response.EnsureSuccessStatusCode();
            await foreach (var _ in SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync())
            {
                break;
            }
        }

        await _abandoned.Task;
        Assert.Equal(HttpStatusCode.OK, (await http.PostAsJsonAsync("/chat", new { messages = new[] { new { role = "user", content = "x" } }, max_output_tokens = 3 })).StatusCode);
    }

    [Theory]
    [InlineData("/chat")]
    [InlineData("/chat/stream")]
    [InlineData("/v1/chat/completions")]
    public async Task A_full_queue_is_told_as_OpenAIs_rate_limit_with_a_time_to_retry(string path)
    {
        using var endless = WriteEndless();
        await using var app = await Start(
            $"--LayerSkip:ModelPath={endless.Directory}", "--LayerSkip:MaxOutputTokens=900000", "--LayerSkip:MaxConcurrentRequests=1", "--LayerSkip:MaxQueuedRequests=0");
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        using var first = await http.SendAsync(Request("/chat/stream", JsonSerializer.Serialize(s_question)), HttpCompletionOption.ResponseHeadersRead);
        first.EnsureSuccessStatusCode();

        using var refused = await http.PostAsJsonAsync(path, s_question);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        var error = (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
        Assert.Equal(("requests", "rate_limit_exceeded"), (error.GetProperty("type").GetString(), error.GetProperty("code").GetString()));
        Assert.Contains("try again once one of them has ended", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OpenAIs_own_client_is_served(bool streaming)
    {
        using var client = OpenAIClient();
        ChatMessage[] messages = [new(ChatRole.User, Parser.Utterance)];

        var response = streaming
            ? await client.GetStreamingResponseAsync(messages).ToChatResponseAsync()
            : await client.GetResponseAsync(messages, new() { StopSequences = ["never"], Seed = 1, Temperature = 0 });

        Assert.Equal(Parser.Frame, response.Text);
        Assert.Equal((ChatFinishReason.Stop, "topv2-parser"), (response.FinishReason, response.ModelId));
        Assert.True(response.Usage!.InputTokenCount > 5 && response.Usage.OutputTokenCount > 5);
        Assert.True(response.Usage.AdditionalCounts!["OutputTokenDetails.AcceptedPredictionTokenCount"] > 0);
        Assert.Equal(["topv2-parser"], (await OpenAI().GetOpenAIModelClient().GetModelsAsync()).Value.Select(model => model.Id));
        Assert.Equal("topv2-parser", (await OpenAI().GetOpenAIModelClient().GetModelAsync("topv2-parser")).Value.Id);
    }

    [Fact]
    public async Task Embeddings_are_given_in_both_encodings()
    {
        using var generator = OpenAI().GetEmbeddingClient("topv2-parser").AsIEmbeddingGenerator();
        var embeddings = await generator.GenerateAsync(["wake me up at 7", "any concerts this weekend"]);
        Assert.Equal([192, 192], embeddings.Select(embedding => embedding.Vector.Length));
        Assert.True(embeddings.Usage!.InputTokenCount > 5);

        using var response = await Post("/v1/embeddings", """{"input":"wake me up at 7","dimensions":8}""");
        var plain = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0].GetProperty("embedding");
        Assert.Equal(8, plain.GetArrayLength());
        var ratio = plain[1].GetSingle() / plain[0].GetSingle();
        Assert.Equal(embeddings[0].Vector.Span[1] / embeddings[0].Vector.Span[0], ratio, 1e-4);
    }

    [Fact]
    public async Task Structured_output_goes_over_the_wire()
    {
        using var client = OpenAIClient();

        var response = await client.GetResponseAsync<Timer>("start a timer for 20 minutes", new ChatOptions { MaxOutputTokens = 60 });

        Assert.True(response.TryGetResult(out var timer), response.Text);
        Assert.NotNull(timer.Name);
    }

    private sealed record Timer(string Name, long Minutes);

    [Fact]
    public async Task Log_probabilities_are_given_on_request()
    {
        var client = OpenAI().GetChatClient("topv2-parser");
        var options = new OpenAI.Chat.ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 2 };

        var whole = (await client.CompleteChatAsync([new OpenAI.Chat.UserChatMessage(Parser.Utterance)], options)).Value;
        Assert.Equal(whole.Usage.OutputTokenCount, whole.ContentTokenLogProbabilities.Count);
        Assert.All(whole.ContentTokenLogProbabilities, token => Assert.Equal(2, token.TopLogProbabilities.Count));

        var streamed = await client.CompleteChatStreamingAsync([new OpenAI.Chat.UserChatMessage(Parser.Utterance)], options)
            .SelectMany(update => update.ContentTokenLogProbabilities.ToAsyncEnumerable()).Select(token => token.Token).ToListAsync();
        Assert.Equal(Parser.Frame, string.Concat(streamed.Where(token => token != "<|end|>")));
    }

    [Fact]
    public async Task A_streams_log_probabilities_are_those_of_the_whole_answer()
    {
        // The tokens of the stop sequence, and the one that ends an answer, come with no text.
        foreach (var stop in (string[])[" ]", "never"])
        {
            var client = OpenAI().GetChatClient("topv2-parser");
            var options = new OpenAI.Chat.ChatCompletionOptions { IncludeLogProbabilities = true, StopSequences = { stop } };

            var whole = (await client.CompleteChatAsync([new OpenAI.Chat.UserChatMessage(Parser.Utterance)], options)).Value;
            var streamed = await client.CompleteChatStreamingAsync([new OpenAI.Chat.UserChatMessage(Parser.Utterance)], options)
                .SelectMany(update => update.ContentTokenLogProbabilities.ToAsyncEnumerable()).Select(token => token.Token).ToListAsync();

            Assert.Equal(whole.ContentTokenLogProbabilities.Select(token => token.Token), streamed);
        }
    }

    [Fact]
    public async Task Reasoning_is_asked_for_and_told_from_the_answer()
    {
        string? prompt = null;
        await using var app = await StartScripted(
            text => (prompt = text, "<think>hm</think>yes").Item2,
            "{{ reasoning_effort }}:{% for m in messages %}[{{ m.reasoning_content }}]{{ m.content }}{% endfor %}{# </think> #}");
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        const string Body = """{"messages":[{"role":"assistant","content":"a","reasoning_content":"r"},{"role":"user","content":"x"}],"reasoning_effort":"minimal",""";

        using var whole = await http.SendAsync(Request("/v1/chat/completions", Body + "\"stream\":false}"));
        var answer = await whole.Content.ReadFromJsonAsync<JsonElement>();
        var message = answer.GetProperty("choices")[0].GetProperty("message");
        Assert.Equal(("hm", "yes"), (message.GetProperty("reasoning_content").GetString(), message.GetProperty("content").GetString()));
        Assert.Equal(">hm</think>".Length, answer.GetProperty("usage").GetProperty("completion_tokens_details").GetProperty("reasoning_tokens").GetInt32());
        Assert.Equal("low:[r]a[]x", prompt);

        using var response = await http.SendAsync(Request("/v1/chat/completions", Body + "\"stream\":true}"));
        var deltas = await SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync().Where(item => item.Data != "[DONE]")
            .Select(item => JsonElement.Parse(item.Data).GetProperty("choices")[0].GetProperty("delta")).ToListAsync();
        Assert.Equal("assistant", deltas[0].GetProperty("role").GetString());
        Assert.Equal(("hm", "yes"), (Concat("reasoning_content"), Concat("content")));

        string Concat(string field) => string.Concat(deltas.Select(delta => delta.TryGetProperty(field, out var text) ? text.GetString() : null));
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("\"null\"")]
    [InlineData("null")]
    [InlineData("\"{}\"")]
    public async Task Calls_without_arguments_may_have_none(string arguments)
    {
        string? prompt = null;
        await using var app = await StartScripted(text => (prompt = text, "yes").Item2);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        using var response = await http.SendAsync(Request("/v1/chat/completions", $$$"""
            {"messages":[
              {"role":"user","content":"x"},
              {"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"get_time","arguments":{{{arguments}}}}}]},
              {"role":"tool","tool_call_id":"1","content":"noon"}
            ]}
            """));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("{\"name\": \"get_time\", \"arguments\": {}}", prompt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tools_are_called_over_the_wire(bool streaming)
    {
        // The same host, with the parser's frames as tool calls.
        await using var app = await Start(
            [$"--LayerSkip:ModelPath={Parser.ModelPath}"],
            services => services.AddChatClient(provider => provider.GetRequiredService<LayerSkipChatClient>()).Use(parser => new FrameToolCallingChatClient(parser)));
        var reminders = new List<string>();
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((string todo, string dateTime) => { reminders.Add($"{todo} {dateTime}"); return "Done."; }, "create_reminder")],
        };
        using var client = OpenAI(app).GetChatClient("topv2-parser").AsIChatClient().AsBuilder().UseFunctionInvocation().Build();

        var response = streaming
            ? await client.GetStreamingResponseAsync(Parser.Utterance, options).ToChatResponseAsync()
            : await client.GetResponseAsync(Parser.Utterance, options);

        Assert.Equal("\"Done.\"", response.Messages[^1].Text); // OpenAI's client sends results as JSON
        Assert.Equal(["call mom at 5 pm"], reminders);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Parallel_calls_of_a_model_that_calls_tools_itself_go_over_the_wire(bool streaming)
    {
        var scripted = Scripted.Caller(Scripted.Call("get_weather", """{"city": "Rome"}"""), Scripted.Call("get_weather", """{"city": "Oslo"}"""));
        await using var app = await StartWith(scripted);
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create((string city) => $"RESULT:sun in {city};", "get_weather")] };
        using var client = OpenAI(app).GetChatClient("scripted").AsIChatClient().AsBuilder().UseFunctionInvocation().Build();

        var response = streaming
            ? await client.GetStreamingResponseAsync("USER: Both?", options).ToChatResponseAsync()
            : await client.GetResponseAsync("USER: Both?", options);

        Assert.Equal("Done: sun in Rome, sun in Oslo", response.Messages[^1].Text);
        Assert.Equal(2, response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Select(call => call.CallId).Distinct().Count());
    }

    /// <summary>A model that never ends of itself.</summary>
    private static TinyCheckpoint WriteEndless()
    {
        var endless = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { VocabularySize = 2400, MaxPositions = 1_000_000 });
        File.Copy(Path.Combine(Parser.ModelPath, "tokenizer.json"), endless.PathOf("tokenizer.json"));
        return endless;
    }

    private async Task<WebApplication> Start(params string[] args) => await Start(args, services => services
        .AddChatClient(provider => provider.GetRequiredService<LayerSkipChatClient>()).Use(client => _watching = new WatchingClient(client, _abandoned)));

    /// <summary>The host with a model that writes what a test says.</summary>
    private static Task<WebApplication> StartScripted(Func<string, string> answer, string? template = null) => StartWith(Scripted.Client(answer, template: template));

    private static Task<WebApplication> StartWith(IChatClient client) =>
        Start([$"--LayerSkip:ModelPath={Parser.ModelPath}"], services => services.AddSingleton(client));

    private static async Task<WebApplication> Start(string[] args, Action<IServiceCollection> configure)
    {
        var app = ChatApp.Create([.. args, "--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default=None"], configure);
        await app.StartAsync();
        return app;
    }

    private Task<HttpResponseMessage> Post(string path, string body) => _http.SendAsync(Request(path, body));

    private static HttpRequestMessage Request(string path, string body) => new(HttpMethod.Post, path)
    {
        Content = new StringContent(body, MediaTypeHeaderValue.Parse("application/json")),
    };

    private OpenAIClient OpenAI(WebApplication? app = null) => new(
        new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri((app ?? _app).Urls.Single() + "/v1") });

    private IChatClient OpenAIClient() => OpenAI().GetChatClient("topv2-parser").AsIChatClient();

    private sealed class ErrorLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Errors { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Errors.Enqueue(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Says hello, and fails.</summary>
    private sealed class FailingClient : IChatClient
    {
        public Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

        public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            yield return new ChatResponseUpdate(ChatRole.Assistant, "Hello");
            await Task.Yield();
            throw new InvalidOperationException("secret");
        }

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }

    /// <summary>Tells when a stream is left before its end, and what was asked last.</summary>
    private sealed class WatchingClient(IChatClient client, TaskCompletionSource abandoned) : DelegatingChatClient(client)
    {
        public ChatOptions? Options { get; private set; }

        public override Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            Options = options;
            return base.GetResponseAsync(messages, options, cancellationToken);
        }

        public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            var ended = false;
            try
            {
                await foreach (var update in base.GetStreamingResponseAsync(messages, options, cancellationToken))
                {
                    yield return update;
                }

                ended = true;
            }
            finally
            {
                if (!ended)
                {
                    abandoned.TrySetResult();
                }
            }
        }
    }
}
