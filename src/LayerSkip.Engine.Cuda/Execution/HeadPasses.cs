using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Weights;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>Passes of the head whose results the host reads: tokens, guesses, logits, normed states.</summary>
/// <remarks>Used under the model's gate. A pass of many rows is cut.</remarks>
internal sealed unsafe class HeadPasses
{
    private const int MostRows = LogitMemory.MostRows;

    private readonly CudaContext _context;
    private readonly Transformer _transformer;
    private readonly DraftVocabulary _draftVocabulary;
    private readonly LogitMemory _logits;
    private readonly ulong _choices; // int [MostRows]
    private readonly int* _choicesOnHost;
    private readonly float* _likelihoodsOnHost;
    private readonly ulong _sampling;
    private readonly ulong _own; // {count, id, ...}, int [1 + DraftHead.MaxPromptTokens]
    private ulong _states; // float [MostRows, padded hidden size], once they are asked for

    public HeadPasses(CudaContext context, Transformer transformer, DraftVocabulary draftVocabulary, LogitMemory logits)
    {
        _context = context;
        _transformer = transformer;
        _draftVocabulary = draftVocabulary;
        _logits = logits;
        _choices = context.Allocate(MostRows * sizeof(int));
        _choicesOnHost = (int*)context.AllocateHost(MostRows * (sizeof(int) + sizeof(float)));
        _likelihoodsOnHost = (float*)(_choicesOnHost + MostRows);
        _sampling = context.Allocate(sizeof(SamplingParameters));
        _own = context.Allocate((1 + DraftHead.MaxPromptTokens) * sizeof(int));
    }

    /// <summary>The most likely token of each row.</summary>
    public void ArgMax(CudaRows rows, int start, Span<int> tokens)
    {
        for (var first = 0; first < tokens.Length; first += MostRows)
        {
            var some = tokens.Slice(first, Math.Min(MostRows, tokens.Length - first));
            var slots = BeginKeys(rows, start + first, some.Length);
            _transformer.Head(slots, some.Length);
            Choose(rows, slots, some.Length);
            new ReadOnlySpan<int>(_choicesOnHost, some.Length).CopyTo(some);
        }
    }

    /// <summary>What passes ask of the head, in as few passes over all their rows as there are kinds of questions.</summary>
    /// <param name="rows">Has the passes' rows one behind the other, from slot 0 on.</param>
    /// <param name="count">How many, <see cref="MostRows"/> at most.</param>
    /// <param name="passes">The passes.</param>
    public void Answer(CudaRows rows, int count, ReadOnlySpan<RowPass> passes)
    {
        var (choices, logits, draws, guesses) = (false, false, false, false);
        foreach (var pass in passes)
        {
            (choices, logits) = (choices || pass.Choices is not null, logits || pass.Logits is not null);
            (draws, guesses) = (draws || pass.Draws is not null, guesses || pass.Guess is not null);
        }

        if (choices)
        {
            var slots = BeginKeys(rows, 0, count);
            _transformer.Head(slots, count);
            Choose(rows, slots, count);
            GiveChoices(passes);
        }

        if (logits || draws || guesses)
        {
            _logits.Reserve();
            _transformer.Logits(_logits.Logits, rows.Pointers(0, count), count);
        }

        if (logits)
        {
            GiveLogits(passes);
        }

        if (draws || guesses)
        {
            var slots = BeginKeys(rows, 0, count);
            Draw(rows, passes);
            Guess(rows, passes);
            _context.Read((nint)_likelihoodsOnHost, _logits.Likelihoods, count * sizeof(float));
            Choose(rows, slots, count);
            GiveLikely(passes);
        }
    }

    /// <summary>A token drawn for the position behind each row's, and how likely it was to be.</summary>
    public void Draw(CudaRows rows, int start, TokenDraw draw, Span<TokenGuess> tokens)
    {
        _logits.Reserve();
        _context.Write<SamplingParameters>(_sampling, [new(draw)]);
        for (var first = 0; first < tokens.Length; first += MostRows)
        {
            var some = tokens.Slice(first, Math.Min(MostRows, tokens.Length - first));
            var slots = BeginKeys(rows, start + first, some.Length);
            _transformer.Draw(_logits, slots, some.Length, _sampling);
            ChooseLikely(rows, slots, some);
        }
    }

    /// <summary>The most likely token of a row among those of a draft head, and how likely it is.</summary>
    public TokenGuess Guess(CudaRows rows, int slot, CudaDraftHead? head)
    {
        _logits.Reserve();
        var slots = BeginKeys(rows, slot, 1);
        if (head is not null)
        {
            _context.Write<int>(_own, head.Own);
        }

        _transformer.Guess(_logits, slots, 1, head is null ? 0 : _draftVocabulary.List, _own);
        TokenGuess guess = default;
        ChooseLikely(rows, slots, new Span<TokenGuess>(ref guess));
        return guess;
    }

    /// <summary>Normed states [count, hidden size].</summary>
    public void Normalize(CudaRows rows, int start, int count, Span<float> states)
    {
        _ = rows.Pointers(start, count);
        var (geometry, width) = (_transformer.Geometry, _transformer.Geometry.Config.HiddenSize);
        _states = _states != 0 ? _states : _context.Allocate((long)MostRows * geometry.Hidden * sizeof(float));
        fixed (float* target = states)
        {
            for (var first = 0; first < count; first += MostRows)
            {
                var some = Math.Min(MostRows, count - first);
                _transformer.States(_states, rows.Pointers(start + first, some), some);
                for (var row = 0; row < some; row++)
                {
                    _context.Read((nint)(target + ((first + row) * width)), _states + (ulong)(row * geometry.Hidden * sizeof(float)), width * sizeof(float));
                }

                _context.Synchronize();
            }
        }
    }

    /// <summary>Logits [count, vocabulary].</summary>
    public void Logits(CudaRows rows, int start, int count, Span<float> logits)
    {
        _ = rows.Pointers(start, count);
        var width = _transformer.Geometry.Config.VocabularySize;
        _logits.Reserve();
        fixed (float* target = logits)
        {
            for (var first = 0; first < count; first += MostRows)
            {
                var some = Math.Min(MostRows, count - first);
                _transformer.Logits(_logits.Logits, rows.Pointers(start + first, some), some);
                _context.Read((nint)(target + ((long)first * width)), _logits.Logits, (long)some * width * sizeof(float));
                _context.Synchronize();
            }
        }
    }

    private void GiveChoices(ReadOnlySpan<RowPass> passes)
    {
        var first = 0;
        foreach (var pass in passes)
        {
            new ReadOnlySpan<int>(_choicesOnHost + first + pass.Unread, pass.Choices is null ? 0 : pass.Read).CopyTo(pass.Choices);
            first += pass.Count;
        }
    }

    private void GiveLogits(ReadOnlySpan<RowPass> passes)
    {
        var first = 0;
        foreach (var pass in passes)
        {
            if (pass.Logits is not null)
            {
                fixed (float* target = pass.Logits)
                {
                    _context.Read((nint)target, _logits.LogitsOf(first + pass.Unread), (long)pass.Read * _transformer.Geometry.Config.VocabularySize * sizeof(float));
                    _context.Synchronize();
                }
            }

            first += pass.Count;
        }
    }

    /// <summary>Keys of what passes draw from the logits of their rows.</summary>
    private void Draw(CudaRows rows, ReadOnlySpan<RowPass> passes)
    {
        var first = 0;
        foreach (var pass in passes)
        {
            if (pass.Draw is { } draw)
            {
                _context.Write<SamplingParameters>(_sampling, [new(draw)]);
                _transformer.Sampling.Draw(_logits, first + pass.Unread, rows.Pointers(first + pass.Unread, pass.Read), pass.Read, _sampling);
            }

            first += pass.Count;
        }
    }

    /// <summary>Keys of what passes guess by the logits of their rows.</summary>
    private void Guess(CudaRows rows, ReadOnlySpan<RowPass> passes)
    {
        var first = 0;
        foreach (var pass in passes)
        {
            if (pass.Guess is not null)
            {
                var head = (CudaDraftHead?)pass.GuessHead;
                if (head is not null)
                {
                    _context.Write<int>(_own, head.Own);
                }

                _transformer.Sampling.Guess(_logits, first + pass.Unread, rows.Pointers(first + pass.Unread, pass.Read), pass.Read, head is null ? 0 : _draftVocabulary.List, _own);
            }

            first += pass.Count;
        }
    }

    private void GiveLikely(ReadOnlySpan<RowPass> passes)
    {
        var first = 0;
        foreach (var pass in passes)
        {
            var likely = pass.Draws ?? pass.Guess;
            for (var i = 0; i < pass.Read && likely is not null; i++)
            {
                likely[i] = new(_choicesOnHost[first + pass.Unread + i], _likelihoodsOnHost[first + pass.Unread + i]);
            }

            first += pass.Count;
        }
    }

    /// <summary>Slots whose keys are 0: those that a step left behind when it failed are cleared.</summary>
    private RowPointers BeginKeys(CudaRows rows, int start, int count)
    {
        var slots = rows.Pointers(start, count);
        if (rows.HasStaleKeys)
        {
            _context.Clear(rows.Pointers(0, rows.Capacity).Best, (long)rows.Capacity * sizeof(ulong));
        }

        rows.HasStaleKeys = true;
        return slots;
    }

    /// <summary>Brings the tokens of slots' keys to the host, and how likely they were.</summary>
    private void ChooseLikely(CudaRows rows, in RowPointers slots, Span<TokenGuess> tokens)
    {
        _context.Read((nint)_likelihoodsOnHost, _logits.Likelihoods, tokens.Length * sizeof(float));
        Choose(rows, slots, tokens.Length);
        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = new(_choicesOnHost[i], _likelihoodsOnHost[i]);
        }
    }

    /// <summary>Brings the tokens of slots' keys to the host, with all that was read before.</summary>
    private void Choose(CudaRows rows, in RowPointers slots, int count)
    {
        _transformer.Choices.Choose(_choices, slots, count);
        rows.HasStaleKeys = false;
        _context.Read((nint)_choicesOnHost, _choices, count * sizeof(int));
        _context.Synchronize();
    }
}
