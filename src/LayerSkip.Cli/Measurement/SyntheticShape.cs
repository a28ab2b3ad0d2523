using System.Globalization;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Measurement;

/// <summary>The shape of a synthetic model: <c>layers=12,hidden=768,ffn=3072,heads=12,kv=12,vocab=32000</c>.</summary>
/// <param name="Config">The model's shape.</param>
/// <param name="ExitLayer">An exit that guesses right (<see cref="RandomWeightSource"/>); null: none does.</param>
internal sealed record SyntheticShape(ModelConfig Config, int? ExitLayer)
{
    private const string Example = "layers=12,hidden=768,ffn=3072,heads=12,kv=12,vocab=32000";

    private static readonly (string Name, int Min, int Max, int? Default)[] s_fields =
    [
        ("layers", 2, 1024, null),
        ("hidden", 2, 1 << 16, null),
        ("ffn", 1, 1 << 20, null),
        ("heads", 1, 1024, null),
        ("kv", 1, 1024, 0),
        ("vocab", 2, 1 << 22, null),
        ("context", 2, 1 << 20, 2048),
        ("exit", 1, 1023, 0),
    ];

    /// <summary>Parses and checks a shape. head_dim is hidden / heads; kv is heads and context 2048 unless given, and no exit guesses right.</summary>
    /// <exception cref="UsageException">A field is unknown, missing, doubled, out of range, or does not fit the others.</exception>
    public static SyntheticShape Parse(string text)
    {
        var values = ReadFields(text);
        int layers = values["layers"], exit = values["exit"];
        int hidden = values["hidden"], heads = values["heads"], keyValueHeads = values["kv"] == 0 ? heads : values["kv"];
        if (hidden % heads != 0 || hidden / heads % 2 != 0)
        {
            throw new UsageException($"--synthetic: hidden={hidden} with heads={heads}, expected hidden to be an even multiple of heads");
        }

        if (heads % keyValueHeads != 0)
        {
            throw new UsageException($"--synthetic: heads={heads} with kv={keyValueHeads}, expected heads to be a multiple of kv");
        }

        if (exit >= layers)
        {
            throw new UsageException($"--synthetic: exit={exit} with layers={layers}, expected exit to lie below layers");
        }

        var config = new ModelConfig
        {
            Layers = layers,
            HiddenSize = hidden,
            IntermediateSize = values["ffn"],
            AttentionHeads = heads,
            KeyValueHeads = keyValueHeads,
            HeadDimension = hidden / heads,
            VocabularySize = values["vocab"],
            MaxPositions = values["context"],
        };
        return new(config, exit > 0 ? exit : null);
    }

    private static Dictionary<string, int> ReadFields(string text)
    {
        var values = new Dictionary<string, int>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var separator = part.IndexOf('=');
            var name = separator < 0 ? part : part[..separator];
            var field = Array.Find(s_fields, field => field.Name == name);
            if (separator < 0 || field.Name is null)
            {
                throw new UsageException($"--synthetic: '{part}' is no field, expected a list such as {Example}, and perhaps context and exit");
            }

            if (!int.TryParse(part.AsSpan(separator + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                || value < field.Min || value > field.Max)
            {
                throw new UsageException($"--synthetic: {part}, expected an integer from {field.Min} to {field.Max}");
            }

            if (!values.TryAdd(name, value))
            {
                throw new UsageException($"--synthetic: {name} is given twice");
            }
        }

        foreach (var field in s_fields.Where(field => !values.ContainsKey(field.Name)))
        {
            values[field.Name] = field.Default ?? throw new UsageException($"--synthetic: {field.Name} is missing, expected a list such as {Example}");
        }

        return values;
    }
}
