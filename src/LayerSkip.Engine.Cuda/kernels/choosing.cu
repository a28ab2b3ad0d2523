// From logits to token ids without the host: keys of the head (choiceKey in device.h) become choices, draft tokens and verdicts; and the likeliest few of a row.
#include "device.h"

KERNEL(64) choose(int* choices, u64* best, const int* positions, int rows)
{
    releaseNext();
    awaitPrevious();
    const int row = 64 * blockIdx.x + threadIdx.x;
    if (row < rows)
    {
        choices[row] = positions[row] < 0 ? -1 : tokenOf(best[row]);
        best[row] = 0;
    }
}

/// The draft's token of a slot becomes the next slot's row. It is the last one where it is less likely than asked.
KERNEL(1) draft_next(int* tokens, int* positions, u64* tables, u64* best, const int* stops, int* room, const float* likelihood, const double* lastBelow, int slot)
{
    releaseNext();
    awaitPrevious();
    const int position = positions[slot], token = position < 0 || slot >= room[0] ? -1 : tokenOf(best[slot]);
    bool goesOn = token >= 0;
    for (int i = 1; i <= stops[0]; i++)
    {
        goesOn = goesOn && token != stops[i];
    }

    if (token >= 0 && likelihood && (double)likelihood[0] < lastBelow[0])
    {
        room[0] = slot + 1;
    }

    tokens[slot + 1] = token;
    positions[slot + 1] = goesOn ? position + 1 : -1;
    tables[slot + 1] = tables[slot];
    best[slot] = 0;
}

enum { NoRow = -2 };

/// Tokens drafted in slots 1 and up.
DEVICE int countDrafted(const int* tokens, int slots)
{
    int drafted = 0;
    while (drafted < slots - 1 && tokens[drafted + 1] >= 0)
    {
        drafted++;
    }

    return drafted;
}

/// result = {drafted, accepted, next, position, draft ...}; by one thread.
DEVICE void endRound(int* result, int* tokens, int* positions, int slots, int drafted, int accepted, int next)
{
    result[0] = drafted;
    result[1] = accepted;
    result[2] = next;
    result[3] = positions[0];
    for (int i = 1; i < slots; i++)
    {
        result[3 + i] = i <= drafted ? tokens[i] : -1;
    }

    if (next >= 0)
    {
        tokens[0] = next;
        positions[0] += accepted + 1;
    }
}

/// The longest prefix of the draft that the full model chooses, too, and its own next token.
KERNEL(1) accept(int* result, int* tokens, int* positions, u64* best, int slots)
{
    releaseNext();
    awaitPrevious();
    const int drafted = countDrafted(tokens, slots);
    int accepted = 0;
    while (accepted < drafted && tokenOf(best[accepted]) == tokens[accepted + 1])
    {
        accepted++;
    }

    const int next = accepted < slots && positions[accepted] >= 0 ? tokenOf(best[accepted]) : NoRow;
    for (int i = 0; i < slots; i++)
    {
        best[i] = 0;
    }

    endRound(result, tokens, positions, slots, drafted, accepted, next);
}

/// The greatest logits of a row in order, one pass over them each.
KERNEL(256) top_k(float* values, int* ids, const float* logits, int rows, int n, int ldl, int count)
{
    releaseNext();
    awaitPrevious();
    __shared__ u64 greatest[8];
    const float* row = logits + (u64)blockIdx.x * ldl;
    u64 last = ~0ull;
    for (int i = 0; i < count; i++)
    {
        u64 best = 0;
        for (int id = threadIdx.x; id < n; id += 256)
        {
            const u64 key = choiceKey(row[id], id);
            best = key > best && key < last ? key : best;
        }

        for (int mask = 16; mask > 0; mask >>= 1)
        {
            const u64 other = (u64)shuffleXor((u32)(best >> 32), mask) << 32 | shuffleXor((u32)best, mask);
            best = other > best ? other : best;
        }

        if ((threadIdx.x & 31) == 0)
        {
            greatest[threadIdx.x >> 5] = best;
        }

        syncBlock();
        for (int warp = 0; warp < 8; warp++)
        {
            best = greatest[warp] > best ? greatest[warp] : best;
        }

        syncBlock();
        if (threadIdx.x == 0)
        {
            const u64 at = (u64)blockIdx.x * count + i;
            ids[at] = tokenOf(best);
            values[at] = best == 0 ? -infinity() : row[tokenOf(best)];
        }

        last = best;
    }
}
