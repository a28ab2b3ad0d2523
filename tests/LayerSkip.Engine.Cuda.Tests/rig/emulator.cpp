#include "emulator.h"
#undef threadIdx
#undef blockIdx
#include <cstdlib>
#include <sys/mman.h>

#if !defined(__x86_64__)
#error "the emulator changes stacks by x86-64 instructions"
#endif

// Saves the registers that a call must keep on one stack, and takes them from another.
__asm__(R"(
.text
.type emulator_switch,@function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmpq *%rcx
)");
extern "C" void emulator_switch(void** from, void* to);

// The kernels' static variables (build.sh puts them there).
extern char __start_emulated_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_emulated_shared[] __attribute__((weak, visibility("hidden")));

namespace emulator
{
Fiber* current;
Warp* warps;
Block block;
Index blockIndex;
Index gridSize;

namespace
{
enum { MaxThreads = 1024, StackBytes = 64 << 10 };

Fiber host;
void (*kernelOfFibers)(void*);
void* argumentsOfFibers;
const char* failure;
u32 idle; // changes of fibers since one last got on

void switchTo(Fiber* fiber)
{
    Fiber* me = current;
    if (fiber != me)
    {
        current = fiber;
        emulator_switch(&me->stack, fiber->stack);
    }
}

void checkProgress()
{
    if (++idle > 4 * MaxThreads)
    {
        fail("threads wait for each other: a barrier that not all of them reach");
    }
}

/// A thread has ended: the others' barriers wait for one less.
void end()
{
    kernelOfFibers(argumentsOfFibers);
    Fiber* me = current;
    Warp& own = warp();
    own.alive--;
    block.alive--;
    idle = 0;
    if (own.alive > 0 && own.arrived == own.alive)
    {
        fail("a lane ended while the others of its warp wait for it");
    }

    if (block.alive > 0 && block.arrived == block.alive)
    {
        block.arrived = 0;
        block.generation++;
    }

    me->previous->next = me->next;
    me->next->previous = me->previous;
    me->previousLane->nextLane = me->nextLane;
    me->nextLane->previousLane = me->previousLane;
    current = block.alive > 0 ? me->next : &host;
    emulator_switch(&me->stack, current->stack);
    __builtin_trap();
}
}

void fail(const char* what)
{
    failure = what;
    void* abandoned;
    current = &host;
    emulator_switch(&abandoned, host.stack);
    __builtin_trap();
}

void waitForBlock()
{
    const u32 generation = block.generation;
    idle = 0;
    if (++block.arrived == block.alive)
    {
        block.arrived = 0;
        block.generation++;
        return;
    }

    while (block.generation == generation)
    {
        checkProgress();
        switchTo(current->next);
    }
}

void waitForWarp(Warp& warp, u32 generation)
{
    idle = 0;
    while (warp.generation == generation)
    {
        checkProgress();

        // Lanes of the warp that wait for the whole block must not keep the others from going there.
        switchTo(idle > 64 ? current->next : current->nextLane);
    }
}

/// sums[i % chains][16, 8] += a[i][16, 16] b[i][16, 8], one input after the other. A tensor core may add them in another order.
void multiply(Warp& warp, int chains, int count)
{
    typedef float Row __attribute__((vector_size(32)));
    for (int i = 0; i < count; i++)
    {
        float(&sums)[16][8] = warp.sums[warp.generation & 1][i % chains];
        for (u32 output = 0; output < 16; output += 4)
        {
            // A product of two bfloat16 is exact, so that a fused operation gives the same as two. Four sums at a time keep the processor busy.
            Row rows[4];
            memcpy(rows, sums[output], sizeof rows);
            for (u32 k = 0; k < 16; k++)
            {
                const Row b = *(const Row*)warp.b[i][k];
                for (u32 j = 0; j < 4; j++)
                {
                    rows[j] += warp.a[i][output + j][k] * b;
                }
            }

            memcpy(sums[output], rows, sizeof rows);
        }
    }
}

const char* run(Index grid, Index blockSize, Order order, void (*kernel)(void*), void* arguments)
{
    static char* stacks = (char*)mmap(nullptr, (size_t)MaxThreads * StackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    static Fiber fibers[MaxThreads], rested[MaxThreads];
    static Warp warpsOfBlock[MaxThreads / 32];

    const u32 count = blockSize.x * blockSize.y * blockSize.z;
    const bool reversed = order == Order::Reversed;
    const u64 blocks = (u64)grid.x * grid.y * grid.z;
    gridSize = grid;
    kernelOfFibers = kernel;
    argumentsOfFibers = arguments;
    warps = warpsOfBlock;
    failure = nullptr;

    // Shared memory holds nothing that a kernel may count on.
    memset(__start_emulated_shared, 0xff, __stop_emulated_shared - __start_emulated_shared);
    for (u32 linear = 0; linear < count; linear++)
    {
        Fiber& fiber = rested[linear];
        const u32 first = linear & ~31u, lanes = count - first < 32 ? count - first : 32, lane = linear - first;
        fiber.linear = linear;
        fiber.copies = fiber.copyGroup = 0;
        fiber.thread = {linear % blockSize.x, linear / blockSize.x % blockSize.y, linear / (blockSize.x * blockSize.y)};
        Fiber *above = &fibers[(linear + 1) % count], *below = &fibers[(linear + count - 1) % count];
        Fiber *laneAbove = &fibers[first + (lane + 1) % lanes], *laneBelow = &fibers[first + (lane + lanes - 1) % lanes];
        fiber.next = reversed ? below : above;
        fiber.previous = reversed ? above : below;
        fiber.nextLane = reversed ? laneBelow : laneAbove;
        fiber.previousLane = reversed ? laneAbove : laneBelow;

        // Stacks begin at different cache sets.
        fiber.stack = stacks + (size_t)(linear + 1) * StackBytes - 64 - (size_t)(linear % 61) * 192;
    }

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

        for (u32 linear = 0; linear < count; linear++)
        {
            Fiber& fiber = fibers[linear] = rested[linear];
            void** stack = (void**)fiber.stack;
            *--stack = nullptr;
            *--stack = (void*)&end;
            for (int saved = 0; saved < 6; saved++)
            {
                *--stack = nullptr;
            }

            fiber.stack = stack;
        }

        current = &fibers[reversed ? count - 1 : 0];
        emulator_switch(&host.stack, current->stack);
    }

    return failure;
}
}
