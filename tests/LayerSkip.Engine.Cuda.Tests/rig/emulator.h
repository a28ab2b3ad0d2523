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
enum { MaxProducts = 48, MaxChains = 8, MaxCopies = 16 };

struct Index { u32 x, y, z; };

enum class Collective : u32 { None, Barrier, Shuffle, Vote, Multiply };

/// A copy to shared memory that has been asked for.
struct Copy
{
    void* shared;
    const void* global;
    u32 group;
};

struct Fiber
{
    void* stack;
    Fiber *next, *previous;         // of the block
    Fiber *nextLane, *previousLane; // of the warp
    Index thread;
    u32 linear;
    u32 copyGroup; // that copies go to
    u32 copies;
    Copy pending[MaxCopies];
};

/// A warp's collective operations. Each takes one barrier: what lanes put down for one operation stays until all have come to the next but one.
struct Warp
{
    u32 arrived, alive, generation;
    Collective kind;
    u32 words[2][32];
    alignas(32) float a[MaxProducts][16][16];
    alignas(32) float b[MaxProducts][16][8];
    alignas(32) float sums[2][MaxChains][16][8];
};

struct Block { u32 arrived, alive, generation; };

extern Fiber* current;
extern Warp* warps;
extern Block block;
extern Index blockIndex;
extern Index gridSize;

/// Lets the others run until all have come here; false (and the launch fails) where they never do.
void waitForBlock();
void waitForWarp(Warp& warp, u32 generation);
[[noreturn]] void fail(const char* what);

inline Warp& warp() { return warps[current->linear >> 5]; }

/// Arrives at a collective operation; the last to come does what there is to do. All lanes that still run must come to the same.
template <class Last>
inline u32 arrive(Warp& warp, Collective kind, Last last)
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

/// Runs a kernel; null, or what was wrong.
const char* run(Index grid, Index blockSize, Order order, void (*kernel)(void*), void* arguments);

/// A kernel's arguments, copied from a launch.
template <class... A>
struct Call
{
    void (*kernel)(A...);
    std::tuple<A...> arguments;
    static void invoke(void* call) { std::apply(((Call*)call)->kernel, ((Call*)call)->arguments); }
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

// One kernel runs at a time here.
static inline void releaseNext() {}
static inline void awaitPrevious() {}

static inline uint4 loadOnce(const void* address) { return *(const uint4*)address; }

// Copies are made when they are waited for, and not before.
static inline void copyAsync(void* shared, const void* global)
{
    auto& fiber = *emulator::current;
    if (fiber.copies == emulator::MaxCopies)
    {
        emulator::fail("more copies under way than the emulator holds");
    }

    fiber.pending[fiber.copies++] = {shared, global, fiber.copyGroup};
}

static inline void commitCopies() { emulator::current->copyGroup++; }

template <int Later>
static inline void awaitCopies()
{
    auto& fiber = *emulator::current;
    u32 left = 0;
    for (u32 i = 0; i < fiber.copies; i++)
    {
        const auto& copy = fiber.pending[i];
        if (copy.group + Later < fiber.copyGroup)
        {
            memcpy(copy.shared, copy.global, 16);
        }
        else
        {
            fiber.pending[left++] = copy;
        }
    }

    fiber.copies = left;
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
    const u32 lane = emulator::current->linear & 31, g = lane >> 2, t = lane & 3, side = warp.generation & 1;
    for (int i = 0; i < Count; i++)
    {
        for (u32 j = 0; j < 4; j++)
        {
            float* pair = &warp.a[i][g + 8 * (j & 1)][2 * t + 8 * (j >> 1)];
            pair[0] = floatOf(a[i][j] << 16);
            pair[1] = floatOf(a[i][j] & 0xffff0000u);
        }

        for (u32 j = 0; j < 2; j++)
        {
            warp.b[i][2 * t + 8 * j][g] = floatOf(b[i][j] << 16);
            warp.b[i][2 * t + 8 * j + 1][g] = floatOf(b[i][j] & 0xffff0000u);
        }
    }

    for (int chain = 0; chain < Chains; chain++)
    {
        float(&sums)[16][8] = warp.sums[side][chain];
        sums[g][2 * t] = d[chain][0];
        sums[g][2 * t + 1] = d[chain][1];
        sums[g + 8][2 * t] = d[chain][2];
        sums[g + 8][2 * t + 1] = d[chain][3];
    }

    emulator::arrive(warp, emulator::Collective::Multiply, [&] { emulator::multiply(warp, Chains, Count); });
    for (int chain = 0; chain < Chains; chain++)
    {
        const float(&sums)[16][8] = warp.sums[side][chain];
        d[chain][0] = sums[g][2 * t];
        d[chain][1] = sums[g][2 * t + 1];
        d[chain][2] = sums[g + 8][2 * t];
        d[chain][3] = sums[g + 8][2 * t + 1];
    }
}
