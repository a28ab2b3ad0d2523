using System.CommandLine;
using System.Diagnostics;
using System.Text;
using LayerSkip.Cli.Corpora;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Loading;
using LayerSkip.Training.Tokenizers;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip train-tokenizer</c>: a byte-level BPE tokenizer from files of text.</summary>
internal sealed class TrainTokenizerCommand
{
    private const int ByteTokens = 256;
    private const string TemplateFileName = "chat_template.jinja";

    private static readonly string[] s_files =
        [TrainedTokenizer.TokenizerFileName, TrainedTokenizer.ConfigFileName, TrainedTokenizer.SpecialTokensFileName];

    private readonly Terminal _terminal;

    private readonly Option<string[]> _data = CheckedOption.Files(
        "--data",
        "Training text: TOPv2's .tsv (utterances and decoupled parses; the labels become added tokens), .jsonl with \"prompt\" and \"response\" or with \"text\", .txt with a text a line.");

    private readonly Option<int?> _vocabSize = CheckedOption.Integer(
        "--vocab-size", "N", "Tokens in all: 256 bytes, merges, added tokens; fewer where no pair of tokens is left that occurs twice.", ByteTokens, ModelReader.IdLimit);

    private readonly Option<string[]> _special = CheckedOption.Several(
        "--special",
        "TOKEN",
        $"Control tokens, in the order of their ids; bos=, eos= or pad= before one names its part (default: {string.Join(' ', SpecialTokens.Default)}).");

    private readonly Option<string?> _chatTemplate = new("--chat-template")
    {
        HelpName = "FILE", Description = "The Jinja chat template, or none (default: that of models/topv2-parser).",
    };

    private readonly Option<string> _output = new("--output") { HelpName = "DIR", Description = "Where to write; created where it does not exist.", Required = true };

    private readonly Option<bool> _force = new("--force") { Description = "Replace a tokenizer that is there already (default: refuse)." };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: a few lines)." };

    private TrainTokenizerCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var train = new TrainTokenizerCommand(terminal);
        train._data.Required = true;
        train._vocabSize.Required = true;
        var command = new Command("train-tokenizer", "Train a byte-level BPE tokenizer from texts.")
        {
            train._data, train._vocabSize, train._special, train._chatTemplate, train._output, train._force, train._json,
        };
        command.SetAction(train.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var output = arguments.GetRequiredValue(_output);
        RequireFree(output, arguments.GetValue(_force));
        var corpus = new Corpus(arguments.GetRequiredValue(_data));
        var special = SpecialTokens.Parse(arguments.GetValue(_special) is { Length: > 0 } given ? given : SpecialTokens.Default);
        var template = TrainedChatTemplate.Read(arguments.GetValue(_chatTemplate), special.Contents);
        var size = arguments.GetRequiredValue(_vocabSize)!.Value;

        var watch = Stopwatch.StartNew();
        var trained = Train(corpus, special, size);
        trained.Write(output, special.Config(template));
        watch.Stop();

        var report = Measure(corpus, trained) with
        {
            Output = output, SpecialTokens = special.Contents.Count, Seconds = watch.Elapsed.TotalSeconds,
        };
        if (arguments.GetValue(_json))
        {
            ReportJson.Write(_terminal.Out, report, ReportJson.Instance.TrainTokenizerReport);
        }
        else
        {
            Write(report);
        }

        if (trained.VocabularySize < size)
        {
            _terminal.Note(
                $"{trained.VocabularySize} tokens of the {size} asked for: no other pair of tokens occurs twice");
        }

        return CommandLine.Success;
    }

    private static void RequireFree(string output, bool force)
    {
        if (output.Length == 0 || File.Exists(output))
        {
            throw new UsageException($"--output is '{output}', expected a directory");
        }

        OutputFile.CheckParent("--output", output);
        if (!force && s_files.FirstOrDefault(file => File.Exists(Path.Combine(output, file))) is { } found)
        {
            throw new UsageException($"--output {output}: holds {found} already; --force replaces it");
        }

        // It would come before the template that is written.
        if (File.Exists(Path.Combine(output, TemplateFileName)))
        {
            throw new UsageException($"--output {output}: holds {TemplateFileName}, which would hide the template of {TrainedTokenizer.ConfigFileName}; remove it first");
        }
    }

    private TrainedTokenizer Train(Corpus corpus, SpecialTokens special, int size)
    {
        var ontology = corpus.OntologyTokens(_terminal.Interrupt.Command);
        var addedTokens = ontology.Count + special.Contents.Count;
        if (size < ByteTokens + addedTokens)
        {
            throw new UsageException(
                $"--vocab-size is {size}, expected at least {ByteTokens + addedTokens}: {ByteTokens} bytes, {ontology.Count} labels of the data and {Quantity.Of(special.Contents.Count, "control token")}");
        }

        if (special.Contents.FirstOrDefault(ontology.Contains) is { } both)
        {
            throw new UsageException($"--special has '{both}', which is a label of the data too");
        }

        var rows = 0L;
        var trained = BpeTrainer.Train(
            Texts(),
            new BpeTrainerOptions
            {
                VocabularySize = size,
                AddedTokens =
                [
                    .. ontology.Select(token => new AddedTokenOptions(token)),
                    .. special.Contents.Select(token => new AddedTokenOptions(token, IsSpecial: true)),
                ],
            },
            _terminal.Interrupt.Command);
        return rows > 0 ? trained : throw new UsageException("--data holds no text");

        IEnumerable<string> Texts()
        {
            foreach (var row in corpus.Rows())
            {
                rows++;
                yield return row.Text;
                if (row.Response is not null)
                {
                    yield return row.Response;
                }
            }
        }
    }

    /// <summary>Encodes all rows: users' words as such, responses with their added tokens.</summary>
    private TrainTokenizerReport Measure(Corpus corpus, TrainedTokenizer trained)
    {
        var tokenizer = trained.ToTokenizer();
        var (texts, textTokens, bytes, responses, responseTokens) = (0L, 0L, 0L, 0L, 0L);
        foreach (var row in corpus.Rows())
        {
            _terminal.Interrupt.Command.ThrowIfCancellationRequested();
            texts++;
            textTokens += tokenizer.Encode(row.Text, matching: AddedTokenMatching.None).Length;
            bytes += Encoding.UTF8.GetByteCount(row.Text);
            if (row.Response is not null)
            {
                responses++;
                responseTokens += tokenizer.Encode(row.Response).Length;
            }
        }

        return new TrainTokenizerReport(
            Output: "",
            trained.VocabularySize,
            trained.MergeCount,
            trained.AddedTokenCount,
            SpecialTokens: 0,
            texts,
            (double)textTokens / texts,
            (double)bytes / textTokens,
            responses,
            responses == 0 ? null : (double)responseTokens / responses,
            Seconds: 0);
    }

    private void Write(TrainTokenizerReport report)
    {
        string[] lines =
        [
            $"{report.VocabSize} tokens: {ByteTokens} bytes, {report.Merges} merges, {report.AddedTokens} added tokens ({report.SpecialTokens} special)",
            FormattableString.Invariant($"{report.Texts} texts: {report.TokensPerText:0.000} tokens each, {report.BytesPerToken:0.000} bytes a token"),
            .. report.TokensPerResponse is { } tokens ? (string[])[FormattableString.Invariant($"{report.Responses} responses: {tokens:0.000} tokens each")] : [],
            FormattableString.Invariant($"trained in {report.Seconds:0.0} s, written to {report.Output}"),
        ];
        foreach (var line in lines)
        {
            _terminal.Out.WriteLine(VisibleText.Line(line));
        }
    }
}
