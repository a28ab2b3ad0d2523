using System.Globalization;
using System.Text;
using LayerSkip.Cli.Commands;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Sweeping;

/// <summary>A sweep's CSV file: a row for each cell that is measured. It is replaced in whole after every cell, so that a killed sweep leaves whole rows and can go on.</summary>
internal sealed class SweepFile
{
    private static readonly string[] s_columns =
    [
        .. SweepSetup.Columns,
        "auto_exit_layer", "auto_num_speculations", "controller", "exit_layer", "num_speculations", "speedup", "speedup_min", "speedup_max", "autoregressive_ms", "self_speculative_ms",
        "autoregressive_mean_ms", "self_speculative_mean_ms", "mean_exit_layer", "acceptance_rate", "tokens_per_round", "identical",
    ];

    private readonly string _path;
    private readonly SweepSetup _setup;
    private readonly List<SpeedCellReport> _cells;

    private SweepFile(string path, SweepSetup setup, List<SpeedCellReport> cells) => (_path, _setup, _cells) = (path, setup, cells);

    /// <summary>The cells measured so far, by exit layer and speculation length; those of a controller that chooses them come first.</summary>
    public IReadOnlyList<SpeedCellReport> Cells => _cells;

    /// <summary>Goes on with a file, if it exists; but the controller that chooses is measured anew where the checkpoint declares something else than it did.</summary>
    /// <param name="path">The file.</param>
    /// <param name="setup">What its rows have to be of.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="startOver">Forget what it holds.</param>
    /// <exception cref="UsageException">It holds something else, or cells of another setup; the message names the line and what is different.</exception>
    public static SweepFile Open(string path, SweepSetup setup, int layers, bool startOver) =>
        new(path, setup, startOver || !File.Exists(path) ? [] : Read(path, setup, layers));

    /// <summary>Whether a cell is measured.</summary>
    public bool Contains(DraftSetting cell) => _cells.Exists(known => Key(known) == (cell.ControllerName, cell.ExitLayer, cell.NumSpeculations));

    /// <summary>Adds a cell, and writes the file.</summary>
    /// <exception cref="IOException">The file cannot be written; it is as it was.</exception>
    public void Add(SpeedCellReport cell)
    {
        _cells.Add(cell);
        _cells.Sort((a, b) => (a.ExitLayer ?? 0, a.NumSpeculations ?? 0, a.Controller).CompareTo((b.ExitLayer ?? 0, b.NumSpeculations ?? 0, b.Controller)));
        var text = new StringBuilder().Append(Csv.Line(s_columns)).Append('\n');
        foreach (var known in _cells)
        {
            text.Append(Csv.Line([.. _setup.Values, .. Beginning(_setup, known.Controller), .. Values(known)])).Append('\n');
        }

        AtomicFile.WriteTo(_path, stream => stream.Write(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>By what the controller that chooses begins, in its own row.</summary>
    private static string[] Beginning(SweepSetup setup, string controller) =>
        controller == DraftSetting.Auto.ControllerName ? [Whole(setup.AutoExitLayer), Whole(setup.AutoNumSpeculations)] : ["", ""];

    private static IEnumerable<string> Values(SpeedCellReport cell) =>
    [
        cell.Controller, Whole(cell.ExitLayer), Whole(cell.NumSpeculations), Text(cell.Speedup.Median), Text(cell.Speedup.Min), Text(cell.Speedup.Max),
        Text(cell.AutoregressiveMs), Text(cell.SelfSpeculativeMs), Text(cell.AutoregressiveMeanMs), Text(cell.SelfSpeculativeMeanMs),
        Text(cell.MeanExitLayer), Fraction(cell.AcceptanceRate), Text(cell.TokensPerRound), Whole(cell.Identical),
    ];

    private static (string Controller, int? ExitLayer, int? NumSpeculations) Key(SpeedCellReport cell) => (cell.Controller, cell.ExitLayer, cell.NumSpeculations);

    private static string Whole(int? value) => value is { } number ? Text((double)number) : "";

    private static string Fraction(double? value) => value is { } number ? Text(number) : "";

    private static string Text(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);

    private static List<SpeedCellReport> Read(string path, SweepSetup setup, int layers)
    {
        var cells = new List<SpeedCellReport>();
        var seen = new HashSet<(string, int?, int?)>();
        var isHeader = true;
        foreach (var (line, fields) in Csv.Records(InputText.ReadFile("--output", path)))
        {
            var where = $"--output {path}, line {line}";
            if (isHeader && !fields.SequenceEqual(s_columns))
            {
                if (fields.All(s_columns.Contains) && s_columns.Except(fields).ToArray() is [_, ..] lacking)
                {
                    throw new UsageException($"{where}: lacks {string.Join(", ", lacking)}, as an earlier version wrote it; its cells cannot be compared with new ones. Name another file, or start over with --force");
                }

                throw new UsageException($"{where}: is not the header of a sweep, expected one that 'layerskip sweep' wrote, or no file; --force starts over");
            }

            if (!isHeader)
            {
                var cell = ReadCell(where, fields, setup, layers);
                if (!seen.Add(Key(cell)))
                {
                    throw new UsageException($"{where}: {cell.Controller}, exit layer {cell.ExitLayer}, with {cell.NumSpeculations} speculations is there twice");
                }

                if (fields.AsSpan(SweepSetup.Columns.Count, 2).SequenceEqual(Beginning(setup, cell.Controller)))
                {
                    cells.Add(cell);
                }
            }

            isHeader = false;
        }

        return isHeader
            ? throw new UsageException($"--output {path}: is empty, expected a file that 'layerskip sweep' wrote, or none; --force starts over")
            : cells;
    }

    private static SpeedCellReport ReadCell(string where, string[] fields, SweepSetup setup, int layers)
    {
        if (fields.Length != s_columns.Length)
        {
            throw new UsageException($"{where}: has {fields.Length} fields, expected {s_columns.Length}");
        }

        foreach (var (column, expected) in setup.Values.Index())
        {
            if (fields[column] != expected)
            {
                throw new UsageException(
                    $"{where}: was measured with {s_columns[column]} '{fields[column]}', this sweep has '{expected}'; the two cannot be compared. Name another file, or start over with --force");
            }
        }

        string Field(string column) => fields[Array.IndexOf(s_columns, column)];

        double Number(string column, double max = double.MaxValue)
        {
            var text = Field(column);
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) && value >= 0 && value <= max
                ? value
                : throw new UsageException(FormattableString.Invariant($"{where}: {column} is '{text}', expected a number {(max < double.MaxValue ? $"from 0 to {max}" : "of at least 0")}"));
        }

        int Integer(string column, int min, int max) => int.TryParse(Field(column), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value
            : throw new UsageException($"{where}: {column} is '{Field(column)}', expected an integer from {min} to {max}");

        // What a sweep measures: the grid, and the controller that chooses for itself.
        int? Chosen(string column, int max) => Field("controller") != DraftSetting.Auto.ControllerName ? Integer(column, 1, max)
            : Field(column).Length == 0 ? null
            : throw new UsageException($"{where}: {column} is '{Field(column)}', expected nothing: the controller is {DraftSetting.Auto.ControllerName}");

        if (Field("controller") is var controller && controller != DraftSetting.Auto.ControllerName && controller != DraftSetting.FixedName)
        {
            throw new UsageException($"{where}: controller is {ErrorText.Quote(controller)}, expected {DraftSetting.FixedName} or {DraftSetting.Auto.ControllerName}");
        }

        var speedup = new Spread(Number("speedup"), Number("speedup_min"), Number("speedup_max"));
        if (speedup.Median < speedup.Min || speedup.Median > speedup.Max)
        {
            throw new UsageException($"{where}: speedup is '{Field("speedup")}', expected a number from speedup_min, '{Field("speedup_min")}', to speedup_max, '{Field("speedup_max")}'");
        }

        return new SpeedCellReport
        {
            Controller = controller,
            ExitLayer = Chosen("exit_layer", setup.LastExit(layers)),
            NumSpeculations = Chosen("num_speculations", DecodingArguments.MostSpeculations),
            Speedup = speedup,
            AutoregressiveMs = Number("autoregressive_ms"),
            SelfSpeculativeMs = Number("self_speculative_ms"),
            AutoregressiveMeanMs = Number("autoregressive_mean_ms"),
            SelfSpeculativeMeanMs = Number("self_speculative_mean_ms"),
            MeanExitLayer = Number("mean_exit_layer", layers),
            AcceptanceRate = Field("acceptance_rate").Length == 0 ? null : Number("acceptance_rate", 1),
            TokensPerRound = Number("tokens_per_round"),
            Identical = Integer("identical", 0, setup.Prompts),
        };
    }
}
