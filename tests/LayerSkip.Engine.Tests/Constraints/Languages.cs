using System.Text;
using LayerSkip.Engine.Constraints;

namespace LayerSkip.Engine.Tests.Constraints;

/// <summary>Asks a language about texts.</summary>
internal static class Languages
{
    /// <summary>Whether a text is of the language.</summary>
    public static bool Holds(this GrammarNode language, string text) => language.After(text).IsNullable;

    /// <summary>What may follow a text.</summary>
    public static GrammarNode After(this GrammarNode language, string text)
    {
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            language = language.Next(value);
        }

        return language;
    }

    /// <summary>A random text of the language, shorter ones more likely.</summary>
    public static string Sample(this GrammarNode language, Random random)
    {
        var text = new List<byte>();
        while (true)
        {
            if (language.IsNullable && random.Next(3) == 0)
            {
                return Encoding.UTF8.GetString([.. text]);
            }

            byte[] possible = [.. Enumerable.Range(0, 256).Select(value => (byte)value).Where(value => !language.Next(value).IsNothing)];
            if (possible.Length == 0)
            {
                return Encoding.UTF8.GetString([.. text]);
            }

            // Towards the end where the text has become long.
            var next = possible[random.Next(possible.Length)];
            if (text.Count > 40)
            {
                next = possible.MinBy(value => language.Next(value).MinBytes);
            }

            text.Add(next);
            language = language.Next(next);
        }
    }
}
