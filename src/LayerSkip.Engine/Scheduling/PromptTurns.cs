using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>
/// Whose prompts a turn computes, so that those who decode get their next tokens soon: as many rows as one pass takes, which is a piece of the oldest request's,
/// or what is left of several. Used by the engine's thread alone.
/// </summary>
/// <remarks>
/// In every other turn what is left of prompts comes before pieces. So a short prompt does not wait for the end of a long one, and a long one goes on however many short ones come.
/// </remarks>
internal sealed class PromptTurns(PrefixReuse reuse)
{
    private const int RowsPerTurn = Generation.PrefillRows;

    private readonly List<TokenReader> _computing = [];
    private bool _piecesWait;

    /// <summary>Decides which requests the present turn is one of: all that decode, and as many others as there are rows for.</summary>
    /// <param name="running">The running requests, the oldest first.</param>
    public void Deal(List<TokenReader> running)
    {
        foreach (var reader in running)
        {
            reader.HasTurn = reader.Generation.NextRows == 1;
        }

        _piecesWait = !_piecesWait;
        if (_piecesWait)
        {
            Deal(running, mostMissing: RowsPerTurn);
        }

        if (_computing.Count == 0)
        {
            Deal(running, mostMissing: int.MaxValue);
        }

        _computing.Clear();
    }

    /// <summary>Deals the turn's rows among requests that miss no more than so many.</summary>
    private void Deal(List<TokenReader> running, int mostMissing)
    {
        var rows = RowsPerTurn;
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
            var next = Math.Min(missing, RowsPerTurn);
            if (missing <= mostMissing && next <= rows && !reuse.PaysToWait(reader.Generation, missing, _computing))
            {
                // Behind a piece no rows are left, so that whoever looks at these sees prompts that come to their end.
                _computing.Add(reader);
                reader.HasTurn = true;
                rows -= next;
            }
        }
    }
}
