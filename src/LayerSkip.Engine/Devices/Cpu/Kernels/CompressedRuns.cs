namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>The inputs of a pair of a compressed panel, in runs that are stored alike.</summary>
internal unsafe ref struct CompressedRuns<TFormat>
    where TFormat : ICompressibleFormat
{
    private readonly ReadOnlySpan<int> _plainGroups;
    private readonly int _inputs;
    private readonly int _lanes;
    private byte* _next;
    private int _plainBefore;

    /// <param name="panel">The panel.</param>
    /// <param name="pair">Which of its pairs.</param>
    /// <param name="lanes">W.</param>
    /// <param name="inputs">Inputs of the matrix.</param>
    public CompressedRuns(CompressedPanel* panel, int pair, int lanes, int inputs)
    {
        _plainGroups = CompressedPanel.PlainGroupsOf(panel);
        (_lanes, _inputs) = (lanes, inputs);
        _next = CompressedPanel.PairsOf(panel) + (pair * CompressedPanel.PairBytes<TFormat>(lanes, inputs, panel->PlainGroups));
    }

    /// <summary>The run's weights.</summary>
    public byte* Weights { get; private set; }

    /// <summary>The run's first input.</summary>
    public int First { get; private set; }

    /// <summary>How many inputs it has.</summary>
    public int Count { get; private set; }

    /// <summary>Whether they are stored as the format has them uncompressed.</summary>
    public bool Plain { get; private set; }

    /// <summary>Inputs of a run at most, but for those behind the last group: the second-level cache holds its weights while several tiles pass over them.</summary>
    private static int MostInputs => 8192 / TFormat.Bytes;

    /// <summary>Goes to the next run, if there is one.</summary>
    public bool Next()
    {
        First += Count;
        Weights = _next;
        if (First == _inputs)
        {
            return false;
        }

        var groups = _inputs / CompressedPanel.GroupInputs;
        var group = First / CompressedPanel.GroupInputs;
        Plain = group == NextPlain(groups);
        if (!Plain)
        {
            Count = Math.Min((NextPlain(groups) * CompressedPanel.GroupInputs) - First, MostInputs);
            _next += Count / CompressedPanel.GroupInputs * (nint)CompressedPanel.GroupBytes<TFormat>(_lanes);
            return true;
        }

        // The inputs behind the last whole group are plain too.
        var most = group + (MostInputs / CompressedPanel.GroupInputs);
        for (; group < groups && group < most && group == NextPlain(groups); group++)
        {
            _plainBefore++;
        }

        Count = (group == groups ? _inputs : group * CompressedPanel.GroupInputs) - First;
        _next += Count * (nint)CompressedPanel.PlainBytes<TFormat>(_lanes);
        return true;
    }

    /// <summary>The next group that is plain, or the end of the groups.</summary>
    private readonly int NextPlain(int groups) => _plainBefore < _plainGroups.Length ? _plainGroups[_plainBefore] : groups;
}
