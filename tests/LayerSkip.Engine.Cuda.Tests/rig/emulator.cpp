#include "emulator.h"
#undef threadIdx
#undef blockIdx
#include <cstdlib>
#include <sys/mman.h>

#if !defined(__x86_64__)
#error "the emulator changes stacks by x86-64 instructions"
#endif

namespace emulator
{
Fiber* current;
Block block;
Factors factors;
Copies copies[MaxThreads];
Copy pendingCopies[MaxThreads][MaxCopies];
Index blockIndex;
Index gridSize;
u32 idle;

void* unused[MaxThreads];
u32 unusedCount;
void (*threadsOfStack)();
const void* argumentsOfThreads;
Fiber host;

namespace
{
enum : size_t { StackBytes = 64 << 10, HugePage = 2 << 20 };

const char* failure;
}

void fail(const char* what)
{
    failure = what;
    void* abandoned;
    current = &host;
    change(&abandoned, host.stack);
    __builtin_trap();
}

/// sums[i % chains][16, 8] += a[i][16, 16] b[i][16, 8], one input after the other. A tensor core may add them in another order.
void multiply(Warp& warp, int chains, int count)
{
    typedef float Outputs __attribute__((vector_size(64)));
    typedef float Columns __attribute__((vector_size(32)));
    typedef u32 OutputWords __attribute__((vector_size(64), may_alias));
    typedef u32 ColumnWords __attribute__((vector_size(32), may_alias));
    for (int i = 0; i < count; i++)
    {
        alignas(64) float b[16][8];
        for (u32 pair = 0; pair < 8; pair++)
        {
            const auto words = *(const ColumnWords*)factors.b[i][pair];
            *(Columns*)b[2 * pair] = (Columns)(words << 16);
            *(Columns*)b[2 * pair + 1] = (Columns)(words & 0xffff0000u);
        }

        // A product of two bfloat16 is exact, so that a fused operation gives the same as two.
        float(&sums)[8][16] = warp.sums[warp.generation & 1][i % chains];
        Outputs columns[8];
        memcpy(columns, sums, sizeof columns);
        for (u32 input = 0; input < 16; input++)
        {
            const auto words = *(const OutputWords*)factors.a[i][input / 2];
            const Outputs a = (Outputs)(input % 2 == 0 ? words << 16 : words & 0xffff0000u);
            for (u32 column = 0; column < 8; column++)
            {
                columns[column] += a * b[input][column];
            }
        }

        memcpy(sums, columns, sizeof columns);
    }
}

namespace
{
/// Stacks for threads, all unused, in one piece.
char* mapStacks()
{
    const size_t bytes = MaxThreads * StackBytes;
    char* mapped = (char*)mmap(nullptr, bytes + HugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char* stacks = mapped + (HugePage - (uintptr_t)mapped % HugePage) % HugePage;

    // They are many, and used in turn: as pages of the common size they would be more than the processor keeps addresses of.
    madvise(stacks, bytes, MADV_HUGEPAGE);
    return stacks;
}

/// The threads of a block, each one's neighbours and its warp, before any has begun.
void arrange(Fiber* rested, Fiber* fibers, Warp* warps, Index blockSize, bool reversed)
{
    const u32 count = blockSize.x * blockSize.y * blockSize.z;
    for (u32 linear = 0; linear < count; linear++)
    {
        Fiber& fiber = rested[linear];
        const u32 first = linear & ~31u, lanes = count - first < 32 ? count - first : 32, lane = linear - first;
        fiber.stack = nullptr;
        fiber.warp = &warps[linear / 32];
        fiber.linear = linear;
        fiber.thread = {linear % blockSize.x, linear / blockSize.x % blockSize.y, linear / (blockSize.x * blockSize.y)};
        Fiber *above = &fibers[(linear + 1) % count], *below = &fibers[(linear + count - 1) % count];
        Fiber *laneAbove = &fibers[first + (lane + 1) % lanes], *laneBelow = &fibers[first + (lane + lanes - 1) % lanes];
        fiber.next = reversed ? below : above;
        fiber.previous = reversed ? above : below;
        fiber.nextLane = reversed ? laneBelow : laneAbove;
        fiber.previousLane = reversed ? laneAbove : laneBelow;
    }
}
}

const char* run(Index grid, Index blockSize, Order order, Shared shared, void (*threads)(), const void* arguments)
{
    static char* const stacks = mapStacks();
    static Fiber fibers[MaxThreads], rested[MaxThreads];
    static Warp warps[MaxThreads / 32];
    static Index arranged;
    static Order arrangedIn;

    const u32 count = blockSize.x * blockSize.y * blockSize.z;
    const bool reversed = order == Order::Reversed;
    const u64 blocks = (u64)grid.x * grid.y * grid.z;
    gridSize = grid;
    threadsOfStack = threads;
    argumentsOfThreads = arguments;
    failure = nullptr;
    if (memcmp(&arranged, &blockSize, sizeof arranged) != 0 || arrangedIn != order)
    {
        arrange(rested, fibers, warps, blockSize, reversed);
        arranged = blockSize;
        arrangedIn = order;
    }

    // Those of a launch that failed were never given back.
    if (unusedCount < MaxThreads)
    {
        unusedCount = MaxThreads;
        for (u32 i = 0; i < MaxThreads; i++)
        {
            // Stacks begin at different cache sets.
            unused[MaxThreads - 1 - i] = stacks + (i + 1) * StackBytes - 64 - i % 61 * 192;
        }
    }

    // Shared memory holds nothing that a kernel may count on.
    memset(shared.start, 0xff, shared.end - shared.start);
    for (u64 i = 0; i < blocks && !failure; i++)
    {
        const u64 index = reversed ? blocks - 1 - i : i;
        blockIndex = {(u32)(index % grid.x), (u32)(index / grid.x % grid.y), (u32)(index / grid.x / grid.y)};
        block = {0, count, 0};
        idle = 0;
        for (u32 warp = 0; warp < (count + 31) / 32; warp++)
        {
            warps[warp].arrived = warps[warp].generation = 0;
            warps[warp].alive = count - 32 * warp < 32 ? count - 32 * warp : 32;
            memset(warps[warp].words, 0, sizeof warps[warp].words);
        }

        memcpy(fibers, rested, count * sizeof(Fiber));
        memset(copies, 0, count * sizeof(Copies));
        current = &fibers[reversed ? count - 1 : 0];
        change(&host.stack, begin());
    }

    return failure;
}
}
