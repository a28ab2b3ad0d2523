using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>
/// Whose prompts a turn computes, so that those who decode get their next tokens soon: as many rows as one pass takes, or fewer where that has taken long, which is a
/// piece of the oldest request's, or what is left of several. Used by the engine's thread alone.
/// </summary>
/// <remarks>
/// In every other turn what is left of prompts comes before pieces. So a short prompt does not wait for the end of a long one, and a long one goes on however many short ones come.
/// </remarks>
internal sealed class PromptTurns(PrefixReuse reuse)
{
    /// <summary>Most rows of a turn.</summary>
    private const int MostRows = Generation.PrefillRows;

    /// <summary>Fewest: with less, reading the weights would cost more than computing with them.</summary>
    private const int LeastRows = 32;

    // Who reads a stream notices a turn that takes longer than the first; below the second there is room for more rows.
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(0.25);
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(0.08);

    private readonly List<TokenReader> _computing = [];
    private bool _piecesWait;
    private bool _somebodyDecodes;
    private int _rowsBesideDecoding = MostRows;
    private int _dealt;

    /// <summary>Most rows of the present turn.</summary>
    private int Rows => _somebodyDecodes ? _rowsBesideDecoding : MostRows;

    /// <summary>Decides which requests the present turn is one of: all that decode, and as many others as there are rows for.</summary>
    /// <param name="running">The running requests, the oldest first.</param>
    public void Deal(List<TokenReader> running)
    {
        _somebodyDecodes = false;
        foreach (var reader in running)
        {
            reader.HasTurn = reader.Generation.NextRows == 1;
            _somebodyDecodes |= reader.HasTurn;
        }

        foreach (var reader in running)
        {
            reader.Generation.PieceRows = Rows;
        }

        _dealt = 0;
        _piecesWait = !_piecesWait;
        if (_piecesWait)
        {
            Deal(running, mostMissing: Rows);
        }

        if (_computing.Count == 0)
        {
            Deal(running, mostMissing: int.MaxValue);
        }

        _computing.Clear();
    }

    /// <summary>The turn that was dealt has ended: if those who decode have waited long for the prompts of others, fewer rows come next, and more if not.</summary>
    /// <param name="elapsed">How long it took.</param>
    public void Learn(TimeSpan elapsed)
    {
        if (_somebodyDecodes && _dealt > 0)
        {
            _rowsBesideDecoding = elapsed > s_long ? Math.Max(LeastRows, _rowsBesideDecoding / 2)
                : elapsed < s_short && 2 * _dealt > _rowsBesideDecoding ? Math.Min(MostRows, 2 * _rowsBesideDecoding)
                : _rowsBesideDecoding;
        }
    }

    /// <summary>Deals the turn's rows among requests that miss no more than so many.</summary>
    private void Deal(List<TokenReader> running, int mostMissing)
    {
        var rows = Rows;
        foreach (var reader in running)
        {
            if (rows == 0)
            {
                return;
            }

            if (reader.HasTurn || reader.IsUnwanted)
            {
                continue;
            }

            var missing = reuse.Missing(reader.Generation, running);
            var next = Math.Min(missing, Rows);
            if (missing <= mostMissing && next <= rows && !reuse.PaysToWait(reader.Generation, missing, _computing))
            {
                // Behind a piece no rows are left, so that whoever looks at these sees prompts that come to their end.
                _computing.Add(reader);
                reader.HasTurn = true;
                rows -= next;
                _dealt += next;
            }
        }
    }
}
