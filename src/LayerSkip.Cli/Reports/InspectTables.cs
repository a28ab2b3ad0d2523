using System.Globalization;
using Spectre.Console;

namespace LayerSkip.Cli.Reports;

/// <summary>Prints an inspection for people.</summary>
internal sealed class InspectTables(IAnsiConsole console)
{
    // A damaged or hostile file may list millions.
    private const int MaxGroups = 60;
    private const int MaxFiles = 20;
    private const int MaxSpecialTokens = 12;
    private const int MaxTemplateLines = 6;
    private const int MaxLineLength = 160;

    public void Write(InspectReport report)
    {
        WriteModel(report);
        WriteTensors(report.Tensors);
        WriteText(report);
    }

    private void WriteModel(InspectReport report)
    {
        var config = report.Config;
        var scaling = config.RopeScaling;
        var facts = NewFacts();
        Add(facts, "model", report.Model);
        Add(facts, "path", report.Path);
        Add(facts, "architecture", report.Architecture);
        Add(facts, "parameters", Exact(report.Parameters, Quantity.Count(report.Parameters)));
        Add(facts, "num_hidden_layers", config.NumHiddenLayers == 1 ? "1 (nothing to exit from)" : $"{config.NumHiddenLayers} (an exit layer lies in 1..{config.NumHiddenLayers - 1}, by coarse draft weights in 1..{config.NumHiddenLayers})");
        Add(facts, "hidden_size", Exact(config.HiddenSize));
        Add(facts, "intermediate_size", Exact(config.IntermediateSize));
        Add(facts, "num_attention_heads", Exact(config.NumAttentionHeads));
        Add(facts, "num_key_value_heads", Exact(config.NumKeyValueHeads));
        Add(facts, "head_dim", Exact(config.HeadDim));
        Add(facts, "vocab_size", Exact(config.VocabSize));
        Add(facts, "max_position_embeddings", Exact(config.MaxPositionEmbeddings) + (config.SlidingWindow is null ? "" : " (the sliding window: longer contexts are not run)"));
        Add(facts, "rms_norm_eps", config.RmsNormEps.ToString(CultureInfo.InvariantCulture));
        Add(facts, "rope_theta", config.RopeTheta.ToString(CultureInfo.InvariantCulture));
        Add(facts, "rope_scaling", scaling is null ? "none" : Describe(scaling));
        Add(facts, "tie_word_embeddings", YesNo(config.TieWordEmbeddings));
        Add(facts, "attention_bias", YesNo(config.AttentionBias));
        Add(facts, "mlp_bias", YesNo(config.MlpBias));

        var memory = report.Memory;
        AddWeights("f32", memory.WeightBytesF32, Compressed(memory.WeightBytesF32Compressed));
        AddWeights("bf16", memory.WeightBytesBf16, Compressed(memory.WeightBytesBf16Compressed));
        AddWeights("int8", memory.WeightBytesInt8);
        AddWeights("int4", memory.WeightBytesInt4);
        Add(facts, "memory, KV cache", $"{Quantity.Bytes(memory.KvBytesPerToken)} a token, {Quantity.Bytes(memory.KvBytesFullContext)} for the full context");
        console.Write(facts);

        void AddWeights(string format, long bytes, string note = "")
        {
            // A checkpoint may keep some of its matrices finer than the others.
            var isAuto = memory.Auto == format;
            Add(facts, $"memory, weights in {format}", Mark(bytes, isAuto && bytes == memory.WeightBytesAuto) + note);
            if (isAuto && bytes != memory.WeightBytesAuto)
            {
                Add(facts, "memory, weights as kept", Mark(memory.WeightBytesAuto, true));
            }
        }
    }

    private void WriteTensors(TensorsReport tensors)
    {
        console.WriteLine();
        var formats = string.Join(", ", tensors.Formats.Select(format => $"{format.Key} {Quantity.Bytes(format.Value)}"));
        console.WriteLine(VisibleText.Line($"{tensors.Count} tensors, {Quantity.Bytes(tensors.Bytes)} ({formats}), in {Quantity.Of(tensors.Files.Count, "file")}:"));
        foreach (var file in tensors.Files.Take(MaxFiles))
        {
            console.WriteLine(VisibleText.Line($"  {file.Name}: {file.Tensors} tensors, {Quantity.Bytes(file.Bytes)}"));
        }

        WriteLeftOut(tensors.Files.Count - MaxFiles, "files");
        if (tensors.Unused > 0)
        {
            console.WriteLine($"  {Quantity.Of(tensors.Unused, "tensor")} of them not used: of layers beyond num_hidden_layers");
        }

        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("tensor").AddColumn("dtype").AddColumn("shape");
        table.AddColumn(new TableColumn("count").RightAligned()).AddColumn(new TableColumn("bytes").RightAligned());
        foreach (var group in tensors.Groups.Take(MaxGroups))
        {
            var shape = $"[{string.Join(", ", group.Shape)}]";
            table.AddRow(Cell(group.Name), Cell(group.Dtype), Cell(shape), Cell(Exact(group.Count)), Cell(Quantity.Bytes(group.Bytes)));
        }

        console.Write(table);
        WriteLeftOut(tensors.Groups.Count - MaxGroups, "kinds of tensors");
    }

    private void WriteText(InspectReport report)
    {
        var facts = NewFacts();
        if (report.Tokenizer is { } tokenizer)
        {
            var special = tokenizer.SpecialTokens.Take(MaxSpecialTokens).Select(token => $"{token.Token} ({token.Id})");
            var leftOut = tokenizer.SpecialTokens.Count - MaxSpecialTokens;
            Add(facts, "tokenizer", $"{tokenizer.Family}, from {tokenizer.Source}");
            Add(facts, "tokens", $"{tokenizer.VocabSize} ({tokenizer.BaseVocabSize} of BPE, {tokenizer.AddedTokens} added)");
            Add(facts, "special tokens", $"{string.Join(", ", special)}{(leftOut > 0 ? $" and {leftOut} more" : "")}");
        }
        else
        {
            Add(facts, "tokenizer", Unread(report.TokenizerError) ?? "none: the directory holds neither tokenizer.json nor vocab.json with merges.txt");
        }

        Add(facts, "chat template", report.ChatTemplate is { } template ? $"{template.Length} characters, from {template.Source}" : Unread(report.ChatTemplateError) ?? "none");
        Add(facts, "layerskip", Describe(report.Layerskip));
        Add(facts, "generation", Describe(report.Generation));
        console.Write(facts);
        WriteTemplate(report.ChatTemplate?.Template);
    }

    private static string? Unread(string? error) => error is null ? null : $"cannot be read: {error}";

    private void WriteTemplate(string? template)
    {
        if (template is null)
        {
            return;
        }

        console.WriteLine();
        console.WriteLine("chat template:");
        var lines = template.ReplaceLineEndings("\n").Split('\n');
        foreach (var line in lines.Take(MaxTemplateLines))
        {
            var shown = VisibleText.Line(line);
            console.WriteLine("  " + (shown.Length > MaxLineLength ? shown[..MaxLineLength] + "..." : shown));
        }

        WriteLeftOut(lines.Length - MaxTemplateLines, "lines");
    }

    private void WriteLeftOut(int count, string what)
    {
        if (count > 0)
        {
            console.WriteLine($"  ... and {count} more {what}");
        }
    }

    private static Table NewFacts()
    {
        var facts = new Table { Border = TableBorder.None, ShowHeaders = false };
        return facts.AddColumn(new TableColumn("").NoWrap()).AddColumn("");
    }

    private static void Add(Table facts, string name, string value) => facts.AddRow(Cell(name), Cell(value));

    private static Text Cell(string text) => new(VisibleText.Line(text));

    private static string Exact(long number, string? rounded = null) =>
        number.ToString("N0", CultureInfo.InvariantCulture) + (rounded is null ? "" : $" ({rounded})");

    private static string YesNo(bool value) => value ? "yes" : "no";

    private static string Mark(long bytes, bool isAuto) => Quantity.Bytes(bytes) + (isAuto ? " (what --dtype auto takes)" : "");

    private static string Compressed(long? least) => least is { } bytes ? $"; the CPU keeps them compressed, without loss, in {Quantity.Bytes(bytes)} or more" : "";

    private static string Describe(RopeScalingReport scaling)
    {
        var text = FormattableString.Invariant($"{scaling.RopeType}, factor {scaling.Factor}");
        return scaling.OriginalMaxPositionEmbeddings is { } original
            ? text + FormattableString.Invariant(
                $", low_freq_factor {scaling.LowFreqFactor}, high_freq_factor {scaling.HighFreqFactor}, original_max_position_embeddings {original}")
            : text;
    }

    private static string Describe(LayerSkipReport? layerSkip) => layerSkip is null
        ? "none declared; decodes autoregressively unless asked"
        : string.Join(", ", Declared(
            ("exit_layer", layerSkip.ExitLayer),
            ("num_speculations", layerSkip.NumSpeculations),
            ("draft_controller", layerSkip.DraftController),
            ("draft_threshold", layerSkip.DraftThreshold),
            ("draft_source", layerSkip.DraftSource),
            ("draft_weights", layerSkip.DraftWeights),
            ("draft_vocabulary", layerSkip.DraftVocabulary is { } tokens ? $"{tokens} tokens" : null)));

    private static string Describe(GenerationReport generation)
    {
        var declared = Declared(
            ("bos_token_id", generation.BosTokenId),
            ("eos_token_id", generation.EosTokenIds.Count > 0 ? string.Join('/', generation.EosTokenIds) : null),
            ("pad_token_id", generation.PadTokenId),
            ("do_sample", generation.DoSample switch { null => null, true => "true", false => "false" }),
            ("temperature", generation.Temperature),
            ("top_k", generation.TopK),
            ("top_p", generation.TopP),
            ("min_p", generation.MinP),
            ("max_new_tokens", generation.MaxNewTokens));
        return declared.Any() ? string.Join(", ", declared) : "none declared";
    }

    private static IEnumerable<string> Declared(params (string Name, object? Value)[] fields) =>
        fields.Where(field => field.Value is not null).Select(field => FormattableString.Invariant($"{field.Name} {field.Value}"));
}
