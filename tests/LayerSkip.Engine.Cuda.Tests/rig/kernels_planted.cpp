// Kernels that are wrong: the rig must notice (RigTests).
#include "device.h"
#include "kernel_table.h"

/// Reads what another thread writes, without a barrier between.
KERNEL(64) planted_race(int* out)
{
    __shared__ int values[64];
    values[threadIdx.x] = 7 * (int)threadIdx.x;
    out[threadIdx.x] = values[63 - threadIdx.x];
}

/// A lane waits for the block, and the others of its warp for the lane.
KERNEL(32) planted_deadlock(int* out)
{
    out[threadIdx.x] = 0;
    if (threadIdx.x == 0)
    {
        syncBlock();
    }
    else
    {
        syncWarp();
    }
}

/// Lanes of one warp at different operations.
KERNEL(32) planted_divergence(int* out)
{
    if (threadIdx.x & 1)
    {
        syncWarp();
    }
    else
    {
        out[threadIdx.x] = (int)shuffleXor((u32)threadIdx.x, 2);
    }
}

ADD_KERNEL(planted_race);
ADD_KERNEL(planted_deadlock);
ADD_KERNEL(planted_divergence);
