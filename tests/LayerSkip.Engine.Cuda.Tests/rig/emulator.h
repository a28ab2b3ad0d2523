// A CUDA block on one host thread: a fiber for each of its threads, which change places at warp and block barriers alone. The order in which they take turns, and
// that of the blocks, can be reversed: results that depend on it lack a barrier.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>
#include <vector>

typedef int8_t i8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
#define __device__
#define __shared__ static

struct alignas(16) uint4 { u32 x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

namespace emulator
{
enum { MaxProducts = 48, MaxChains = 8, MaxCopies = 16, MaxThreads = 1024 };

struct Index { u32 x, y, z; };

enum class Collective : u32 { None, Barrier, Shuffle, Vote, Multiply };

/// A copy to shared memory that has been asked for.
struct Copy
{
    void* shared;
    const void* global;
    u32 group;
};

struct Warp;

/// Most of what a change of fibers reads is in one cache line.
struct alignas(64) Fiber
{
    void* stack;                    // null: not begun
    Fiber *next, *previous;         // of the block
    Fiber *nextLane, *previousLane; // of the warp
    Warp* warp;
    Index thread;
    u32 linear;
};

/// A thread's copies that have been asked for and not waited for; they themselves lie apart, so that a block's threads begin with few bytes wiped.
struct Copies
{
    u32 group; // that copies go to
    u32 count;
};

/// A warp's collective operations. Each takes one barrier: what lanes put down for one operation stays until all have come to the next but one.
struct Warp
{
    u32 arrived, alive, generation;
    Collective kind;
    u32 words[2][32];
    alignas(64) float sums[2][MaxChains][8][16]; // column by column
};

/// The factors of a warp's products, in words as its lanes have them: of two neighbouring inputs each, the first in the lower half. All warps share the room, since one is through with
/// its products before the next comes to its own.
struct Factors
{
    Warp* owner;
    alignas(64) u32 a[MaxProducts][8][16]; // inputs, outputs
    alignas(64) u32 b[MaxProducts][8][8];  // inputs, columns
};

struct Block { u32 arrived, alive, generation; };

extern Fiber* current;
extern Block block;
extern Factors factors;
extern Copies copies[MaxThreads];
extern Copy pendingCopies[MaxThreads][MaxCopies];
extern Index blockIndex;
extern Index gridSize;

extern u32 idle; // changes of fibers since one last got on

[[noreturn]] void fail(const char* what);

// Stacks that no thread is on, and what runs on each.
extern void* unused[MaxThreads];
extern u32 unusedCount;
extern void (*threadsOfStack)();
extern const void* argumentsOfThreads;
extern Fiber host;

/// A stack for threads that have not begun.
inline void* begin()
{
    void** stack = (void**)unused[--unusedCount];
    *--stack = nullptr; // where a function finds who called it
    *--stack = (void*)threadsOfStack;
    return stack;
}

/// Goes on where another stack was left. All registers are the compiler's to save, and only where they are in use. Each place where threads wait has a jump of its own, so that the
/// processor foresees where it goes: where the neighbours' went. (Functions that call this use no red zone: build.sh.)
inline __attribute__((always_inline)) void change(void** from, void* to)
{
    asm volatile("pushq %%rbp\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "movq %%rsp, (%0)\n\t"
                 "movq %1, %%rsp\n\t"
                 "popq %%rax\n\t"
                 "jmpq *%%rax\n"
                 "1:\tpopq %%rbp"
                 : "+D"(from), "+S"(to)
                 :
                 : "memory", "cc", "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#ifdef __AVX512F__
                 , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1",
                   "k2", "k3", "k4", "k5", "k6", "k7"
#endif
    );
}

inline __attribute__((always_inline)) void switchTo(Fiber* fiber)
{
    Fiber* me = current;
    if (++idle > 4 * MaxThreads)
    {
        fail("threads wait for each other: a barrier that not all of them reach");
    }

    if (fiber != me)
    {
        current = fiber;
        change(&me->stack, fiber->stack ? fiber->stack : begin());
    }
}

/// Lets the others run until all have come here; the launch fails where they never do.
inline __attribute__((always_inline)) void waitForBlock()
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
        switchTo(current->next);
    }
}

inline __attribute__((always_inline)) void waitForWarp(Warp& warp, u32 generation)
{
    idle = 0;
    while (warp.generation == generation)
    {
        // Lanes of the warp that wait for the whole block must not keep the others from going there.
        switchTo(idle > 64 ? current->next : current->nextLane);
    }
}

/// A thread has ended: the others' barriers wait for one less. Current is now the next, or the host.
inline __attribute__((always_inline)) void leave()
{
    Fiber* me = current;
    Warp& own = *me->warp;
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
}

inline Warp& warp() { return *current->warp; }
inline Copies& ownCopies() { return copies[current->linear]; }

/// Arrives at a collective operation; the last to come does what there is to do. All lanes that still run must come to the same.
template <class Last>
inline __attribute__((always_inline)) u32 arrive(Warp& warp, Collective kind, Last last)
{
    if (warp.arrived == 0)
    {
        warp.kind = kind;
    }
    else if (warp.kind != kind)
    {
        fail("lanes of a warp came to different collective operations");
    }

    const u32 generation = warp.generation;
    if (++warp.arrived == warp.alive)
    {
        last();
        warp.arrived = 0;
        warp.generation++;
    }
    else
    {
        waitForWarp(warp, generation);
    }

    return generation & 1;
}

void multiply(Warp& warp, int chains, int count);

enum class Order { Forward, Reversed };

/// What a source's kernels have of shared memory, all together.
struct Shared { char *start, *end; };

/// Runs a kernel; null, or what was wrong.
const char* run(Index grid, Index blockSize, Order order, Shared shared, void (*threads)(), const void* arguments);

/// What a stack is for: one thread after the other, as long as the next has not begun on a stack of its own. Threads that never wait need one stack in all. The kernel becomes part
/// of this function, and nothing is returned from: the processor could not foresee where to, with so many stacks.
template <auto Kernel, class... A>
struct Threads
{
    [[noreturn]] static void run()
    {
        void* const stack = unused[unusedCount];
        for (;;)
        {
            std::apply(Kernel, *(const std::tuple<A...>*)argumentsOfThreads);
            leave();
            if (current->stack)
            {
                void* ended;
                unused[unusedCount++] = stack;
                change(&ended, current->stack);
            }
        }
    }
};
}

#define threadIdx (emulator::current->thread)
#define blockIdx (emulator::blockIndex)

static inline void syncBlock() { emulator::waitForBlock(); }
static inline void syncWarp()
{
    emulator::arrive(emulator::warp(), emulator::Collective::Barrier, [] {});
}

static inline u32 shuffleXor(u32 value, int mask)
{
    auto& warp = emulator::warp();
    const u32 lane = emulator::current->linear & 31;
    warp.words[warp.generation & 1][lane] = value;
    const u32 side = emulator::arrive(warp, emulator::Collective::Shuffle, [] {});
    return warp.words[side][lane ^ mask];
}

static inline int gridBlocks() { return (int)emulator::gridSize.x; }
static inline int gridLayers() { return (int)emulator::gridSize.z; }

// One kernel runs at a time here.
static inline void releaseNext() {}
static inline void awaitPrevious() {}

static inline uint4 loadOnce(const void* address) { return *(const uint4*)address; }

// Copies are made when they are waited for, and not before.
static inline void copyAsync(void* shared, const void* global)
{
    auto& copies = emulator::ownCopies();
    if (copies.count == emulator::MaxCopies)
    {
        emulator::fail("more copies under way than the emulator holds");
    }

    emulator::pendingCopies[emulator::current->linear][copies.count++] = {shared, global, copies.group};
}

static inline void commitCopies() { emulator::ownCopies().group++; }

template <int Later>
static inline void awaitCopies()
{
    auto& copies = emulator::ownCopies();
    auto& pending = emulator::pendingCopies[emulator::current->linear];
    u32 left = 0;
    for (u32 i = 0; i < copies.count; i++)
    {
        const auto& copy = pending[i];
        if (copy.group + Later < copies.group)
        {
            memcpy(copy.shared, copy.global, 16);
        }
        else
        {
            pending[left++] = copy;
        }
    }

    copies.count = left;
}

static inline u32 bitsOf(float value) { u32 bits; memcpy(&bits, &value, 4); return bits; }
static inline float floatOf(u32 bits) { float value; memcpy(&value, &bits, 4); return value; }
static inline float shuffleXor(float value, int mask) { return floatOf(shuffleXor(bitsOf(value), mask)); }

static inline bool anyOfWarp(bool value)
{
    auto& warp = emulator::warp();
    const u32 lane = emulator::current->linear & 31;
    warp.words[warp.generation & 1][lane] = value;
    const u32 side = emulator::arrive(warp, emulator::Collective::Vote, [&]
    {
        u32 any = 0;
        for (u32 word : warp.words[warp.generation & 1])
        {
            any |= word;
        }

        for (u32& word : warp.words[warp.generation & 1])
        {
            word = any;
        }
    });
    return warp.words[side][lane] != 0;
}

static inline float squareRoot(float value) { return __builtin_sqrtf(value); }
static inline float floatOfHalf(u32 bits)
{
    const u32 sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ffu;
    if (exponent == 0)
    {
        const float value = (float)fraction * 5.9604644775390625e-8f;
        return sign ? -value : value;
    }

    return floatOf(sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13);
}

static inline u32 bytesOf(u32 a, u32 b, u32 selector)
{
    const u64 bytes = (u64)b << 32 | a;
    u32 chosen = 0;
    for (u32 i = 0; i < 4; i++)
    {
        chosen |= (u32)(bytes >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
    }

    return chosen;
}

static inline u32 roundToBfloat16(float value)
{
    const u32 bits = bitsOf(value);
    return value == value ? (bits + 0x7fffu + (bits >> 16 & 1)) >> 16 : 0x7fffu;
}

static inline u32 addPairs(u32 a, u32 b)
{
    return roundToBfloat16(floatOf(a << 16) + floatOf(b << 16)) | roundToBfloat16(floatOf(a & 0xffff0000u) + floatOf(b & 0xffff0000u)) << 16;
}

static inline void atomicMax(u64* address, u64 value) { *address = value > *address ? value : *address; }
static inline void atomicAdd(u64* address, u64 value) { *address += value; }

/// The lanes come together once for all products; each is still computed by itself.
template <int Chains, int Count>
static inline void multiplyAccumulate(float (&d)[Chains][4], const u32 (&a)[Count][4], const u32 (&b)[Count][2])
{
    static_assert(Chains <= emulator::MaxChains && Count <= emulator::MaxProducts, "the emulator holds so many products");
    auto& warp = emulator::warp();
    auto& factors = emulator::factors;
    const u32 lane = emulator::current->linear & 31, g = lane >> 2, t = lane & 3, side = warp.generation & 1;
    if (warp.arrived == 0)
    {
        factors.owner = &warp;
    }
    else if (factors.owner != &warp && warp.kind == emulator::Collective::Multiply)
    {
        emulator::fail("two warps' products at once");
    }

    for (int i = 0; i < Count; i++)
    {
        for (u32 j = 0; j < 4; j++)
        {
            factors.a[i][t + 4 * (j >> 1)][g + 8 * (j & 1)] = a[i][j];
        }

        for (u32 j = 0; j < 2; j++)
        {
            factors.b[i][t + 4 * j][g] = b[i][j];
        }
    }

    for (int chain = 0; chain < Chains; chain++)
    {
        float(&sums)[8][16] = warp.sums[side][chain];
        sums[2 * t][g] = d[chain][0];
        sums[2 * t + 1][g] = d[chain][1];
        sums[2 * t][g + 8] = d[chain][2];
        sums[2 * t + 1][g + 8] = d[chain][3];
    }

    emulator::arrive(warp, emulator::Collective::Multiply, [&] { emulator::multiply(warp, Chains, Count); });
    for (int chain = 0; chain < Chains; chain++)
    {
        const float(&sums)[8][16] = warp.sums[side][chain];
        d[chain][0] = sums[2 * t][g];
        d[chain][1] = sums[2 * t + 1][g];
        d[chain][2] = sums[2 * t][g + 8];
        d[chain][3] = sums[2 * t + 1][g + 8];
    }
}
