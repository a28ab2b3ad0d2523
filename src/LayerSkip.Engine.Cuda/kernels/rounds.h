// The end of a round on the device: what it tells the host, and the state in which the next one begins.
#pragma once
#include "device.h"

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
