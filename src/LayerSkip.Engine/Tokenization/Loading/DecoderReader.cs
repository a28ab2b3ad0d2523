using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads <c>decoder</c> into a form in which each token is rewritten on its own, and the joined text only at its ends.</summary>
internal sealed class DecoderReader
{
    private const string Expected = "'Sequence', 'ByteLevel', 'Replace', 'ByteFallback', 'Fuse', 'Strip' or 'Metaspace'";
    private const int MaxSteps = 16;
    private const int MaxContentLength = 64;

    private readonly List<DecoderStep> _steps = [];
    private DecoderSettings _settings = new();
    private bool _isFused;

    private DecoderReader()
    {
    }

    /// <param name="field">The decoder, or null where the file names none: tokens are then joined by spaces.</param>
    public static DecoderSettings Read(JsonField? field)
    {
        if (field is not { } decoder)
        {
            return new DecoderSettings { Separator = " " };
        }

        var reader = new DecoderReader();
        reader.ReadStep(decoder);
        return reader._settings with { Steps = reader._steps };
    }

    private void ReadStep(JsonField field)
    {
        switch (field.AsType(Expected))
        {
            case "Sequence":
                foreach (var step in field.Get("decoders", "an array of decoders").Items())
                {
                    ReadStep(step);
                }

                break;
            case "ByteLevel":
                RequireUnfused(field);
                _settings = _settings with { IsByteLevel = true };
                _isFused = true;
                break;
            case "ByteFallback":
                RequireUnfused(field);
                _settings = _settings with { HasByteFallback = true };
                break;
            case "Fuse":
                _isFused = true;
                break;
            case "Replace":
                RequireUnfused(field);
                Add(field, new ReplaceStep(PatternReader.Read(field), Content(field.Get("content", "a string")), field.File));
                break;
            case "Metaspace":
                RequireUnfused(field);
                Add(field, new MetaspaceStep(MetaspaceReader.Mark(field), MetaspaceReader.Scheme(field) != PrependScheme.Never));
                break;
            case "Strip":
                ReadStrip(field);
                break;
            default:
                throw field.Get("type", Expected).Unexpected(Expected);
        }
    }

    private void ReadStrip(JsonField field)
    {
        var content = field.Get("content", "one character").AsCharacter();
        var start = field.Get("start", "a number of characters").AsInteger(int.MaxValue);
        var stop = field.Get("stop", "a number of characters").AsInteger(int.MaxValue);
        if (!_isFused)
        {
            Add(field, new StripStep(content, start, stop));
            return;
        }

        if (_settings.Leading.Count > 0 || _settings.Trailing.Count > 0)
        {
            throw field.Unexpected("one 'Strip' of the joined text at most");
        }

        _settings = _settings with { Leading = (content, start), Trailing = (content, stop) };
    }

    private void Add(JsonField field, DecoderStep step)
    {
        if (_steps.Count == MaxSteps)
        {
            throw field.Unexpected($"no more than {MaxSteps} steps");
        }

        _steps.Add(step);
    }

    private static string Content(JsonField field) =>
        field.AsString() is { Length: <= MaxContentLength } content ? content : throw field.Unexpected($"at most {MaxContentLength} characters");

    // A stream cannot take back what it has said, so nothing may look across tokens.
    private void RequireUnfused(JsonField field)
    {
        if (_isFused)
        {
            throw field.Get("type", Expected).Unexpected("nothing but 'Strip' behind 'Fuse' or 'ByteLevel'");
        }
    }
}
