using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LayerSkip.AI.Tools;

/// <summary>Writes JSON as models read it: nothing escaped that JSON does not demand.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, s_options))
        {
            write(writer);
        }

        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }

    /// <summary>A string with its quotes.</summary>
    public static string Quote(string text) => Write(writer => writer.WriteStringValue(text));
}
