using System.Buffers;
using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Prompts;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Cli.Commands;

/// <summary>
/// <c>layerskip label</c>: prompts answered by one model or an ensemble, as rows to train another on (sequence-level knowledge distillation: Kim
/// and Rush, arXiv 1606.07947).
/// </summary>
internal sealed class LabelCommand
{
    private const int DefaultSamples = 1;
    private const int MostAnswers = 1 << 24;

    private readonly Terminal _terminal;
    private readonly ModelArguments _arguments = new();

    private readonly Option<string[]> _models = CheckedOption.Files(
        "--model", "Checkpoints, all of one tokenizer and template; several choose each token by the mean of their probabilities.", "PATH");

    private readonly Option<string[]> _data = CheckedOption.Files("--data", "Prompts: TOPv2's .tsv (the utterances), .jsonl with a text a line, .txt with one a line.");

    private readonly Option<string?> _field = new("--field") { HelpName = "NAME", Description = "The .jsonl files' field that holds the prompt (default: prompt)." };

    private readonly Option<float?> _temperature = CheckedOption.Number(
        "--temperature", "T", "Draw answers; 0 takes the likeliest tokens (default: 0).", "a number of at least 0", value => value >= 0);

    private readonly Option<int?> _samples = CheckedOption.Integer(
        "--samples", "N", $"Answers to draw for each prompt; more than one need a temperature (default: {DefaultSamples}).", 1, MostAnswers);

    private readonly Option<int?> _seed = CheckedOption.Integer("--seed", "S", "Chooses what is drawn (default: 0).", 0);

    private readonly Option<bool> _distinct = new("--distinct") { Description = "Leave out answers that the same prompt has already (default: keep all)." };

    private readonly Option<int?> _maxTokens = CheckedOption.Integer(
        "--max-tokens", "N", $"Most tokens of an answer; longer ones are left out (default: the first checkpoint's max_new_tokens, else {EvaluatorSettings.DefaultMaxTokens}).", 1);

    private readonly Option<string> _output = new("--output", "--out") { HelpName = "FILE", Description = "The .jsonl file to write: {\"prompt\", \"response\"} a line.", Required = true };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: a line)." };

    private LabelCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var label = new LabelCommand(terminal);
        label._models.Required = true;
        label._data.Required = true;
        var command = new Command("label", "Answer prompts with a checkpoint, or the mean of several, and write the answers as rows to train on.")
        {
            label._models, label._data, label._field, label._temperature, label._samples, label._seed, label._distinct, label._maxTokens,
            label._arguments.Device, label._arguments.Threads, label._arguments.Format, label._arguments.Compression, label._output, label._json,
        };
        command.SetAction(label.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var output = arguments.GetRequiredValue(_output);
        OutputFile.Check("--output", output, arguments, _data, _models);
        var sampling = new SamplingOptions { Temperature = arguments.GetValue(_temperature) ?? 0, Seed = (ulong)(arguments.GetValue(_seed) ?? 0) };
        var samples = arguments.GetValue(_samples) ?? DefaultSamples;
        if (samples > 1 && sampling.IsGreedy)
        {
            throw new UsageException($"--samples is {samples}, but --temperature is 0: all answers to a prompt would be the same");
        }

        if (sampling.IsGreedy)
        {
            _terminal.NoteUnused(arguments, "the temperature is 0, so nothing is drawn", _seed);
        }

        if (arguments.GetRequiredValue(_data).All(file => Path.GetExtension(file).ToLowerInvariant() is ".tsv" or ".txt"))
        {
            _terminal.NoteUnused(arguments, "it is of .jsonl files, and --data names none", _field);
        }

        var field = arguments.GetValue(_field) ?? "prompt";
        string[] texts = [.. arguments.GetRequiredValue(_data).SelectMany(path => PromptSource.Read("--data", path, field))];
        if ((long)texts.Length * samples > MostAnswers)
        {
            throw new UsageException($"--samples is {samples}, for {Quantity.Of(texts.Length, "prompt")}: more than {MostAnswers} answers; draw them in several runs");
        }

        var models = new List<LayerSkipModel>();
        try
        {
            var directories = arguments.GetRequiredValue(_models);
            foreach (var directory in directories)
            {
                models.Add(_arguments.Load(arguments, directory, _terminal));
                CheckSameVocabulary(models);
            }

            var template = ChatPrompt.LoadTemplate(directories[0], _terminal);
            var prompts = PromptSource.Encode(texts, models.MinBy(model => model.Config.MaxPositions)!, new PromptEncoder(template, models[0].Tokenizer));
            CheckSameTokenizer(models, template, texts, prompts);
            var choice = new TokenChoice(sampling, models[0].Config.VocabularySize);
            var decoder = new BatchDecoder(models, models.Count == 1 && sampling.IsGreedy ? null : choice, EvaluatorSettings.DefaultConcurrency);
            var maxTokens = arguments.GetValue(_maxTokens) ?? models[0].Defaults.MaxNewTokens ?? EvaluatorSettings.DefaultMaxTokens;
            var answers = Loading.Run(
                _terminal,
                $"Writing {Quantity.Of(texts.Length * samples, "answer")}",
                (progress, cancellation) => decoder.Decode([.. prompts.SelectMany(prompt => Enumerable.Repeat(prompt, samples))], null, maxTokens, progress, cancellation));
            var report = Write(output, texts, samples, answers, models[0], arguments.GetValue(_distinct));
            if (arguments.GetValue(_json))
            {
                ReportJson.Write(_terminal.Out, report, ReportJson.Instance.LabelReport);
            }
            else
            {
                _terminal.Out.WriteLine(
                    $"{output}: {Quantity.Of(report.Rows, "row")}; {report.Unfinished} left out as empty or not finished, {report.Repeated} as repeated");
            }

            return CommandLine.Success;
        }
        finally
        {
            models.ForEach(model => model.Dispose());
        }
    }

    private static void CheckSameVocabulary(List<LayerSkipModel> models)
    {
        var (first, last) = (models[0], models[^1]);
        if (last.Config.VocabularySize != first.Config.VocabularySize)
        {
            throw new UsageException(
                $"--model {last.Name}: has a vocabulary of {last.Config.VocabularySize} tokens, {first.Name} one of {first.Config.VocabularySize}; expected models of one tokenizer");
        }
    }

    /// <summary>Equal sizes are no equal tokens: what the prompts come to tells more.</summary>
    private static void CheckSameTokenizer(List<LayerSkipModel> models, ChatTemplate template, string[] texts, int[][] prompts)
    {
        foreach (var model in models.Skip(1))
        {
            var encoder = new PromptEncoder(template, model.Tokenizer);
            var other = 0;
            while (other < texts.Length && encoder.Encode([new TemplateMessage { Role = TemplateRoles.User, Content = texts[other] }]).AsSpan().SequenceEqual(prompts[other]))
            {
                other++;
            }

            if (other < texts.Length)
            {
                throw new UsageException($"--model {model.Name}: makes other tokens of prompt {other + 1}, {ErrorText.Quote(texts[other])}, than {models[0].Name}, expected models of one tokenizer");
            }
        }
    }

    private static LabelReport Write(string output, string[] texts, int samples, Answer[] answers, LayerSkipModel model, bool distinct)
    {
        string[] responses = [.. answers.Select(answer => answer.IsFinished ? model.Tokenizer.Decode([.. answer.Tokens]).Trim() : "")];
        if (Array.TrueForAll(responses, string.IsNullOrEmpty))
        {
            throw new UsageException($"{output}: not written, as no answer is finished; --max-tokens says how long they may be");
        }

        var (written, unfinished, repeated) = (0, 0, 0);
        var seen = new HashSet<(string Prompt, string Answer)>();
        AtomicFile.WriteTo(output, stream =>
        {
            foreach (var (index, text) in responses.Index())
            {
                if (text.Length == 0)
                {
                    unfinished++;
                }
                else if (distinct && !seen.Add((texts[index / samples], text)))
                {
                    repeated++;
                }
                else
                {
                    written++;
                    stream.Write(Row(texts[index / samples], text));
                }
            }
        });
        return new LabelReport(output, written, unfinished, repeated);
    }

    private static ReadOnlySpan<byte> Row(string prompt, string response)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("prompt", prompt);
            json.WriteString("response", response);
            json.WriteEndObject();
        }

        "\n"u8.CopyTo(buffer.GetSpan(1));
        buffer.Advance(1);
        return buffer.WrittenSpan;
    }
}
