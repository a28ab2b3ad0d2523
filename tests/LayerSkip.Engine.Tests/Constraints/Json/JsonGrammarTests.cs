using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;

namespace LayerSkip.Engine.Tests.Constraints.Json;

/// <summary>What single keywords mean, and what hostile schemas do.</summary>
public class JsonGrammarTests
{
    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}""",
        """{"a":1}|{"a":-20,"b":"x\n\u00e9é😀"}""", """{}|{"b":""}|{"b":"","a":1}|{"a":01}|{"a":1,}|{"a":1,"c":2}|{"a": 1}|{"a":1.5}""")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1}},"additionalProperties":true}""",
        """{}|{"a":1}|{"a":1,"z":[{}]}|{"z":null,"ab":{}}""", """{"a":2}|{"z":1,"a":2}|{"z":1,"a":1}""")]
    [InlineData("""{"type":"object","additionalProperties":{"type":"boolean"},"minProperties":1,"maxProperties":2}""",
        """{"x":true}|{"x":true,"y":false}""", """{}|{"x":1}|{"x":true,"y":true,"z":true}""")]
    [InlineData("""{"type":"object","properties":{"a":{},"b":{},"c":{}},"minProperties":2,"maxProperties":2}""",
        """{"a":1,"b":2}|{"a":1,"c":2}|{"b":1,"c":2}""", """{}|{"a":1}|{"a":1,"b":2,"c":3}""")]
    [InlineData("""{"type":"object","patternProperties":{"^x_":{"type":"null"}},"additionalProperties":false}""",
        """{}|{"x_":null}|{"x_1":null,"x_b":null}""", """{"y":null}|{"x_":1}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"}},"minProperties":2}""",
        """{"a":1,"b":2}|{"a":1,"y":[1]}""", """{}|{"a":1}|{"a":"x","b":2}|{"a":1,"b":2,"c":3}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"minProperties":3,"maxProperties":3,"patternProperties":{"^x(?=.)":{"type":"null"}}}""",
        """{"a":1,"xb":null,"xc":null}""", """{"a":1}|{"xb":null,"xc":null,"xd":null}""")]
    [InlineData("""{"type":"object","patternProperties":{"^x":{"type":"integer"}},"additionalProperties":false,"required":["x1"]}""",
        """{"x1":1}|{"x1":1,"x2":2}""", """{"x1":"foo"}|{}|{"x1":1,"y":2}""")]
    [InlineData("""{"type":"object","patternProperties":{"^x":{"type":"integer"},"1$":{"minimum":3}},"properties":{"x1":{"maximum":5},"y":true},"required":["x1"]}""",
        """{"x1":4}|{"x1":3,"y":[],"x2":0}|{"x1":5,"z1":3.5}""", """{"x1":2}|{"x1":6}|{"x1":4.5}|{"x1":4,"x2":0.5}|{"x1":4,"z1":2}|{"x1":4,"x11":7}|{"x1":4,"z":7}""")]
    [InlineData("""{"type":"object","allOf":[{"patternProperties":{"^x":{"type":"integer"}}},{"properties":{"xa":true},"additionalProperties":false}]}""",
        """{}|{"xa":1}""", """{"xb":1}|{"xa":"1"}""")]
    [InlineData("""{"type":"object","patternProperties":{"^a":{"type":"integer"},"^b":{"type":"null"}},"minProperties":1}""",
        """{"a":1}|{"b":null,"aa":2}""", """{}|{"a":null}|{"b":1}""")]
    [InlineData("""{"type":"object","patternProperties":{"^a":false},"minProperties":1}""", """{"b":1}|{"x":[]}""", """{}|{"a":1}|{"ab":1}""")]
    [InlineData("""{"enum":["ab","b","abc",1],"pattern":"^a"}""", "\"ab\"|\"abc\"|1", "\"b\"")]
    [InlineData("""{"minLength":2,"enum":[1,"a",2]}""", "1|2", "\"a\"")]
    [InlineData("""{"properties":{"a":{}},"not":{"type":"object"}}""", "5|\"x\"|[]", "{}|{\"a\":1}")]
    [InlineData("""{"properties":{"a":false},"required":["a"]}""", "5|null", "{}|{\"a\":1}")]
    [InlineData("""{"anyOf":[{"properties":{"k":{"const":1}},"required":["k"]},{"properties":{"k":{"const":2}},"required":["k"]}],"properties":{"k":{"enum":[2,3]}}}""",
        """{"k":2}""", """{"k":1}|5|{}""")]
    [InlineData("""{"type":["integer","null"]}""", "7|null|-0", "1.0|true|\"\"|nul")]
    [InlineData("""{"type":"string","nullable":true}""", "null|\"\"", "1")]
    [InlineData("""{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2}""", "[true]|[true,false]", "[]|[true,true,true]|[1]|[true,]")]
    [InlineData("""{"prefixItems":[{"const":"a"},{"type":"integer"}],"items":false}""", """[]|["a"]|["a",5]""", """["b"]|["a",5,6]|[5]""")]
    [InlineData("""{"type":"array","items":[{"const":1}],"additionalItems":{"const":2},"minItems":2}""", "[1,2]|[1,2,2]", "[]|[1]|[2,2]")]
    [InlineData("""{"enum":["red","green",null,4.50,{"k":[1, 2]}]}""", "\"red\"|null|4.50|{\"k\":[1,2]}", "\"re\"|4.5|\"blue\"")]
    [InlineData("""{"type":"string","enum":["a",1,"bb"],"minLength":2}""", "\"bb\"", "\"a\"|1")]
    [InlineData("""{"anyOf":[{"type":"object","properties":{"$type":{"const":"cat"},"lives":{"type":"integer"}},"required":["$type","lives"]},{"type":"object","properties":{"$type":{"const":"dog"}},"required":["$type"]}]}""",
        """{"$type":"cat","lives":9}|{"$type":"dog"}""", """{"$type":"cat"}|{"$type":"fish"}|{}""")]
    [InlineData("""{"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":3},"b":{"type":"null"}}}]}""",
        """{"a":3}|{"a":40,"b":null}""", """{"a":2}|{}|{"a":"x"}""")]
    [InlineData("""{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#"}},"required":["v"]}""",
        """{"v":1}|{"v":1,"next":{"v":2,"next":{"v":3}}}""", """{"v":1,"next":{}}|{"v":1,"next":null}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":["object","null"],"properties":{"n":{"type":"integer"}},"additionalProperties":false},"b":{"$ref":"#/properties/a","items":{}}},"required":["b"]}""",
        """{"b":null}|{"a":{},"b":{"n":1}}""", """{"b":1}|{"b":{"m":1}}""")]
    [InlineData("""{"properties":{"data":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"value":{"type":"integer"},"child":{"$ref":"#/properties/value"},"again":{"$ref":"#"}}}},"required":["data"],"additionalProperties":false}""",
        """{"data":{"value":1,"child":2}}|{"data":{"again":{"value":3}}}""", """{"data":{"child":"x"}}|{"data":{"again":{"data":1}}}""")]
    [InlineData("""{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"boolean"}}}""", "true", "1")]
    [InlineData("""{"type":"string","not":{"enum":["","no"]}}""", "\"yes\"|\"n\"", "\"\"|\"no\"")]
    [InlineData("""{"type":"integer","not":{"enum":[0,5]},"minimum":-1,"maximum":6}""", "-1|1|4|6", "0|5|7")]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"ab\"|\"é😀\"|\"\\n\\u0041x\"", "\"a\"|\"abcd\"|\"\\ud800\\ud800\"")]
    [InlineData("""{"type":"string","pattern":"^(a|b)+$","maxLength":3}""", "\"aba\"", "\"\"|\"abab\"|\"c\"")]
    [InlineData("""{"type":"object"}""", """{}|{"a":{"b":[1,"x",null]}}""", "[]|1")]
    [InlineData("true", "1|\"x\"|[{}]", "")]
    [InlineData("{}", "1|{}", "x")]
    public void Keywords_mean_what_they_say(string schema, string valid, string invalid)
    {
        var language = Language(schema);
        Assert.All(valid.Split('|'), text => Assert.True(language.Holds(text), text));
        Assert.All(invalid.Split('|'), text => Assert.False(language.Holds(text), text));
    }

    [Fact]
    public void Layouts_differ_in_white_space_alone()
    {
        var schema = JsonElement.Parse("""{"type":"object","properties":{"a":{"enum":[[1,2],{"k":1}]},"b":{}},"required":["a"]}""");
        var spaced = new JsonGrammar(new Grammar(), JsonLayout.Spaced).Schema(schema);
        Assert.True(spaced.Holds("""{"a": [1, 2], "b": {"x": [1, 2]}}"""));
        Assert.True(spaced.Holds("""{"a": {"k": 1}}"""));
        Assert.False(spaced.Holds("""{"a":[1,2]}"""));
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"d":{"type":"string","description":"x","default":"y","title":"t","$comment":"c"}},"x-own":[1]}""")]
    [InlineData("""{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{},"required":[]}""")]
    [InlineData("""{"type":"array","items":{"type":"number","multipleOf":0.1},"uniqueItems":true,"contains":{"const":1}}""")]
    [InlineData("""{"if":{"type":"string"},"then":{"minLength":3},"else":false,"dependentRequired":{"a":["b"]},"unevaluatedProperties":false}""")]
    [InlineData("""{"type":"string","pattern":"(?=x)\\p{L}\\b"}""")]
    [InlineData("""{"type":"string","pattern":"[","format":"unknown","contentEncoding":"base64"}""")]
    [InlineData("""{"type":7,"properties":[],"required":"a","items":3,"enum":{},"minimum":"0","maxLength":-1,"minItems":1.5,"allOf":{},"anyOf":[]}""")]
    [InlineData("""{"$ref":"https://example.org/x.json"}""")]
    [InlineData("""{"$ref":"#/nowhere/0","anyOf":[{"$ref":"#"}]}""")]
    [InlineData("""{"$ref":"#"}""")]
    [InlineData("""{"allOf":[{"$ref":"#"},{"$ref":"#/allOf/0"}]}""")]
    [InlineData("""{"minimum":1e400,"maximum":1e-400,"type":"number"}""")]
    [InlineData("""{"type":["object","string","number","integer","boolean","null","array","any"]}""")]
    [InlineData("17")]
    [InlineData("null")]
    public void Whatever_is_not_understood_widens_and_never_throws(string schema)
    {
        var language = Language(schema);
        Assert.False(language.IsNothing);
        var random = new Random(5);
        for (var i = 0; i < 5; i++)
        {
            JsonDocument.Parse(language.Sample(random)).Dispose();
        }
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string","format":"date","pattern":"^1","maxLength":20},"b":{"oneOf":[{"const":1},{"type":"null"}]}},"additionalProperties":false}""", "")]
    [InlineData("""{"type":"array","items":{"$ref":"#/$defs/n"},"uniqueItems":true,"$defs":{"n":{"type":"number","multipleOf":0.1}}}""", "multipleOf,uniqueItems")]
    [InlineData("""{"type":"array","uniqueItems":false,"anyOf":[{"contains":{"const":1}},{"if":{},"then":{}}]}""", "contains,if")]
    [InlineData("""{"properties":{"a":{"type":"string","pattern":"(?=x)y"},"b":{"$ref":"https://example.org/x.json"}}}""", "$ref,pattern")]
    [InlineData("""{"type":"string","pattern":"(a|b)*a(a|b){900}$"}""", "pattern")]
    [InlineData("""{"$defs":{"unused":{"multipleOf":2}},"type":"integer"}""", "")]
    [InlineData("""{"type":["integer","string"],"not":{"enum":[1,"a"]}}""", "")]
    [InlineData("""{"type":"object","not":{"type":"null"},"properties":{"a":{"enum":[1.5,2],"not":{"const":2}},"b":{"not":false}}}""", "")]
    [InlineData("""{"type":"number","not":{"enum":[1.5]}}""", "not")]
    [InlineData("""{"type":"array","not":{"const":[]}}""", "not")]
    [InlineData("""{"type":"string","not":{"maxLength":3}}""", "not")]
    [InlineData("""{"type":"number","not":{"type":"integer"}}""", "not")]
    [InlineData("""{"type":"object","patternProperties":{"^(?=k)\\w+$":{"type":"integer"}},"additionalProperties":false}""", "patternProperties")]
    [InlineData("""{"type":"object","properties":{"a":{}},"patternProperties":{"^x":{"type":"integer"}},"additionalProperties":false}""", "")]
    [InlineData("""{"type":"object","minProperties":65,"maxProperties":70}""", "maxProperties,minProperties")]
    [InlineData("""{"type":"object","properties":{"a":{}},"additionalProperties":false,"maxProperties":70}""", "")]
    public void What_is_left_out_is_told(string schema, string keywords)
    {
        new JsonGrammar(new Grammar()).Schema(JsonElement.Parse(schema), out var leftOut);
        Assert.Equal(keywords, string.Join(',', leftOut));
    }

    [Theory]
    [InlineData("false")]
    [InlineData("""{"not":{}}""")]
    [InlineData("""{"allOf":[{"type":"string"},{"type":"integer"}]}""")]
    [InlineData("""{"type":"integer","minimum":5,"maximum":4}""")]
    [InlineData("""{"type":"object","properties":{"a":{"enum":[]}},"required":["a"]}""")]
    [InlineData("""{"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]}""")]
    [InlineData("""{"type":"string","pattern":"^a$","minLength":2}""")]
    public void What_nothing_satisfies_is_refused(string schema) => Assert.Throws<ArgumentException>(() => Language(schema));

    [Fact]
    public void Huge_schemas_are_widened_in_bounded_time_and_memory()
    {
        // All refer to all, twenty levels deep; alternatives of alternatives; patterns that explode; numbers beyond all measure.
        var names = Enumerable.Range(0, 400).Select(i => $"p{i}").ToArray();
        var properties = string.Join(',', names.Select(name => $"\"{name}\":{{\"$ref\":\"#\"}}"));
        var mutual = $"{{\"type\":\"object\",\"properties\":{{{string.Join(',', names.Take(60).Select(name => $"\"{name}\":{{\"type\":\"object\",\"properties\":{{{properties}}}}}"))}}}}}";
        var alternatives = "{\"type\":\"string\",\"maxLength\":5}";
        for (var i = 0; i < 30; i++)
        {
            alternatives = $"{{\"anyOf\":[{alternatives},{{\"properties\":{{\"a{i}\":true}}}}],\"allOf\":[{{\"anyOf\":[true,{{\"minLength\":{i}}}]}}]}}";
        }

        foreach (var schema in new[]
            {
                mutual, alternatives,
                """{"type":"string","pattern":"(a|b)*a(a|b){900}$","maxLength":100000}""",
                """{"type":"array","items":{"type":"string","pattern":"^(x+x+)+y{1,999}$"},"minItems":2000000000}""",
                "{\"anyOf\":[" + string.Join(',', Enumerable.Range(0, 50).Select(i => $"{{\"type\":\"string\",\"pattern\":\"^((x{i}{{0,1000}}){{0,1000}}){{0,1000}}$\"}}")) + "]}",
                """{"type":"object","minProperties":1000000000,"maxProperties":2000000000}""",
                """{"minimum":1e399,"type":"integer"}""",
                "{\"enum\":[" + string.Join(',', Enumerable.Range(0, 30_000).Select(i => $"\"value {i}\"")) + "]}",
                $"{{\"type\":\"object\",\"properties\":{{{string.Join(',', Enumerable.Range(0, 5000).Select(i => $"\"q{i}\":{{}}"))}}}}}",
            })
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.False(Language(schema).IsNothing);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L << 30);
        }
    }

    [Fact]
    public void A_schema_that_nests_without_end_is_refused()
    {
        foreach (var (open, close) in new[] { ("{\"items\":", "}"), ("{\"const\":[", "]}"), ("{\"anyOf\":[", "]}"), ("{\"not\":", "}") })
        {
            var text = string.Concat(Enumerable.Repeat(open, 20_000)) + "true" + string.Concat(Enumerable.Repeat(close, 20_000));
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 100_000 });
            Assert.Throws<ArgumentException>(() => new JsonGrammar(new Grammar()).Schema(document.RootElement));
        }
    }

    [Fact]
    public void Patterns_match_what_dotnet_says()
    {
        var random = new Random(7);
        string[] patterns =
        [
            "^[a-c]{2,3}$", "ab", "^a|b$", "^(?:a|bc)*d?$", "^[^a-y]+$", @"^\d{2}:\d{2}(\.\d{1,3})?$", @"^\w \W?$", "^$", "^.a.$", @"[\]\-x]", "^a{2}$", "^(a+|b)+?c$",
            @"^\u0061\x62\n?$", "^(?<n>a)b$", "a{,2}", "^[a-]$", @"^-?(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{1,7})?$", @"^[\w.]+@[\w-]+\.\w{2,}$", "^[é-ü]*$",
        ];
        foreach (var pattern in patterns)
        {
            var language = PatternParser.Parse(new Grammar(), pattern);
            var regex = new Regex(pattern, RegexOptions.ECMAScript);
            for (var i = 0; i < 40; i++)
            {
                var match = Unescaped(language.Sample(random));
                if (pattern.All(char.IsAscii))
                {
                    Assert.True(regex.IsMatch(match), $"{pattern}: {match}");
                }

                var text = new string([.. Enumerable.Range(0, random.Next(5)).Select(_ => "abcd1:.-x ]"[random.Next(11)])]);
                Assert.True(language.Holds(text) == Regex.IsMatch(text, pattern, RegexOptions.ECMAScript), $"{pattern}: '{text}'");
            }
        }
    }

    [Fact]
    public void Bounded_numbers_are_all_those_within_the_bounds()
    {
        var random = new Random(8);
        for (var round = 0; round < 300; round++)
        {
            var isInteger = round % 2 == 0;
            var scale = Math.Pow(10, random.Next(-2, 5));
            var least = Math.Round((decimal)((random.NextDouble() - 0.5) * scale), 4);
            var greatest = Math.Round(least + (decimal)(random.NextDouble() * scale), 4) + (isInteger ? 1 : 0.01m);
            var (min, max) = (random.Next(5) > 0, random.Next(5) > 0);
            var (excludesMin, excludesMax) = (random.Next(2) == 0, random.Next(2) == 0);
            var bounds = (min ? $",\"{(excludesMin ? "exclusiveMinimum" : "minimum")}\":{Text(least)}" : "") + (max ? $",\"{(excludesMax ? "exclusiveMaximum" : "maximum")}\":{Text(greatest)}" : "");
            var schema = $"{{\"type\":\"{(isInteger ? "integer" : "number")}\"{bounds}}}";
            GrammarNode language;
            try
            {
                language = Language(schema);
            }
            catch (ArgumentException)
            {
                // No integer between.
                Assert.True(isInteger && min && max && Math.Floor(greatest) - Math.Ceiling(least) <= 1, schema);
                continue;
            }

            for (var i = 0; i < 20; i++)
            {
                var sample = language.Sample(random);
                Assert.True(Within(decimal.Parse(sample, NumberStyles.Float, CultureInfo.InvariantCulture)), $"{sample} of {schema}");
                var number = Math.Round(least + ((decimal)(random.NextDouble() * 1.4 - 0.2) * (greatest - least)), isInteger ? 0 : 2);
                if (isInteger)
                {
                    Assert.True(language.Holds(Text(number)) == Within(number), $"{number} of {schema}");
                }
                else
                {
                    Assert.False(language.Holds(Text(number)) && !Within(number), $"{number} of {schema}");
                }
            }

            bool Within(decimal number) =>
                (!min || (excludesMin ? number > least : number >= least)) && (!max || (excludesMax ? number < greatest : number <= greatest));
        }

        static string Text(decimal number) => number.ToString("0.####", CultureInfo.InvariantCulture) is "-0" ? "0" : number.ToString("0.####", CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("date", typeof(DateOnly))]
    [InlineData("time", typeof(TimeOnly))]
    [InlineData("date-time", typeof(DateTimeOffset))]
    [InlineData("uuid", typeof(Guid))]
    [InlineData("uri", typeof(Uri))]
    public void Dotnet_reads_every_format(string format, Type type)
    {
        var random = new Random(9);
        var language = Language($"{{\"type\":\"string\",\"format\":\"{format}\"}}");
        for (var i = 0; i < 300; i++)
        {
            Assert.NotNull(JsonSerializer.Deserialize(language.Sample(random), type));
        }
    }

    private static GrammarNode Language(string schema) => new JsonGrammar(new Grammar()).Schema(JsonElement.Parse(schema));

    private static string Unescaped(string content) => JsonElement.Parse(Encoding.UTF8.GetBytes($"\"{content}\"")).GetString()!;
}
