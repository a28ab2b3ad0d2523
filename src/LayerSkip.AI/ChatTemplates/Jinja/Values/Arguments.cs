namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>The arguments of one call, evaluated.</summary>
internal sealed class Arguments(IReadOnlyList<Value> positional, IReadOnlyList<KeyValuePair<StringValue, Value>> named)
{
    public static readonly Arguments None = new([], []);

    public IReadOnlyList<Value> Positional { get; } = positional;

    /// <summary>Names are values, because <c>dict(**message)</c> makes keys of them that may be printed.</summary>
    public IReadOnlyList<KeyValuePair<StringValue, Value>> Named { get; } = named;

    /// <summary>The named arguments as the entries of a dict.</summary>
    public IEnumerable<KeyValuePair<Value, Value>> NamedEntries => Named.Select(argument => KeyValuePair.Create<Value, Value>(argument.Key, argument.Value));

    /// <summary>Lays the arguments out in the order of the parameters; null where one was not given.</summary>
    public Value?[] Bind(string callee, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Count > parameters.Length)
        {
            throw new JinjaException($"{JinjaException.Quote(callee)} takes at most {parameters.Length} arguments, but {Positional.Count} were given.");
        }

        var bound = new Value?[parameters.Length];
        for (var i = 0; i < Positional.Count; i++)
        {
            bound[i] = Positional[i];
        }

        foreach (var (name, value) in Named)
        {
            var index = parameters.IndexOf(name.Text);
            if (index < 0 || bound[index] is not null)
            {
                throw new JinjaException(index < 0
                    ? $"{JinjaException.Quote(callee)} has no argument {JinjaException.Quote(name.Text)}."
                    : $"{JinjaException.Quote(callee)} was given {JinjaException.Quote(name.Text)} twice.");
            }

            bound[index] = value;
        }

        return bound;
    }

    /// <summary>The arguments from a position on: what a filter such as <c>map('replace', 'a', 'b')</c> hands on.</summary>
    public Arguments From(int position) => new([.. Positional.Skip(position)], Named);
}
