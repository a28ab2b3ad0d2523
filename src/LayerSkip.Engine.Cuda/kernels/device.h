// What a kernel is written in: the few words of CUDA C++ that the kernels use, for clang's device mode (which needs no CUDA header then)
// and for a host compiler, where the test rig's emulator supplies them (emulator.h). Below them: arithmetic with the same result on both.
#pragma once

#if defined(__CUDA__)

typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define DEVICE static __attribute__((device)) inline __attribute__((always_inline))
/// A kernel of which so many blocks find room on a multiprocessor at once. With 1 said, the assembler takes the registers that it needs, and spills none.
#define KERNEL_OF(threads, blocks) extern "C" __attribute__((global)) __attribute__((launch_bounds(threads, blocks))) void

struct alignas(16) uint4 { u32 x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

struct ThreadIndex { __declspec(property(get = getX)) u32 x; static __device__ inline u32 getX() { return __nvvm_read_ptx_sreg_tid_x(); } };
struct BlockIndex
{
    __declspec(property(get = getX)) u32 x;
    __declspec(property(get = getY)) u32 y;
    __declspec(property(get = getZ)) u32 z;
    static __device__ inline u32 getX() { return __nvvm_read_ptx_sreg_ctaid_x(); }
    static __device__ inline u32 getY() { return __nvvm_read_ptx_sreg_ctaid_y(); }
    static __device__ inline u32 getZ() { return __nvvm_read_ptx_sreg_ctaid_z(); }
};
static __device__ ThreadIndex threadIdx;
static __device__ BlockIndex blockIdx;

// Barriers as text that touches memory: of its own barriers the compiler (LLVM 14) believes that they cannot change a static variable whose address nobody takes, and
// reads shared memory before them.
DEVICE void syncBlock() { asm volatile("bar.sync 0;" ::: "memory"); }
DEVICE void syncWarp() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }

// From sm_90 on a kernel may start while the one before it ends. The loader turns these comments into instructions there (KernelLibrary); elsewhere they are nothing.
/// Lets the next kernel's blocks start once all of this one's have come here.
DEVICE void releaseNext() { asm volatile("//sm_90 griddepcontrol.launch_dependents;" ::: "memory"); }

/// Waits until the kernels before have ended, and what they wrote is there. Every thread calls it, before anything is touched but weights and lists of ids, which
/// copies alone write: a kernel behind a copy does not start early.
DEVICE void awaitPrevious() { asm volatile("//sm_90 griddepcontrol.wait;" ::: "memory"); }

/// 16 bytes that are read once: past the nearest cache, and with their neighbours into the second. (Not as constant data, .nc: the assembler moves such loads behind a wait.)
DEVICE uint4 loadOnce(const void* address)
{
    uint4 value;
    asm volatile("ld.global.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w) : "l"(address));
    return value;
}

/// Begins to copy 16 bytes to shared memory. Copies between two commits are a group, which is there when all but so many later groups have been waited for.
DEVICE void copyAsync(void* shared, const void* global)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"((u32)(u64)(__attribute__((address_space(3))) void*)shared), "l"(global) : "memory");
}

DEVICE void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Later>
DEVICE void awaitCopies() { asm volatile("cp.async.wait_group %0;" ::"n"(Later) : "memory"); }
DEVICE float shuffleXor(float value, int mask) { return __nvvm_shfl_sync_bfly_f32(0xffffffffu, value, mask, 0x1f); }
DEVICE u32 shuffleXor(u32 value, int mask) { return (u32)__nvvm_shfl_sync_bfly_i32(0xffffffffu, (int)value, mask, 0x1f); }
DEVICE bool anyOfWarp(bool value) { return __nvvm_vote_any_sync(0xffffffffu, value); }

/// Blocks of the grid's first dimension.
DEVICE int gridBlocks() { return (int)__nvvm_read_ptx_sreg_nctaid_x(); }

/// Blocks of its third.
DEVICE int gridLayers() { return (int)__nvvm_read_ptx_sreg_nctaid_z(); }

DEVICE u32 bitsOf(float value) { return __builtin_bit_cast(u32, value); }
DEVICE float floatOf(u32 bits) { return __builtin_bit_cast(float, bits); }
DEVICE float squareRoot(float value) { return __nvvm_sqrt_rn_f(value); }
DEVICE float floatOfHalf(u32 bits)
{
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"((u16)bits));
    return value;
}

/// Four of the eight bytes of a (0 .. 3) and b (4 .. 7): which, by the selector's digits from the lowest on.
DEVICE u32 bytesOf(u32 a, u32 b, u32 selector) { return (u32)__nvvm_prmt((int)a, (int)b, (int)selector); }

/// The sums of two pairs of bfloat16, rounded to bfloat16.
DEVICE u32 addPairs(u32 a, u32 b)
{
    u32 sums;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(sums) : "r"(a), "r"(0x3f803f80u), "r"(b));
    return sums;
}

DEVICE void atomicMax(u64* address, u64 value) { asm volatile("red.max.u64 [%0], %1;" ::"l"(address), "l"(value) : "memory"); }
DEVICE void atomicAdd(u64* address, u64 value) { asm volatile("red.add.u64 [%0], %1;" ::"l"(address), "l"(value) : "memory"); }

/// d[i % Chains][16, 8] += a[i][16, 16] b[i][16, 8] on a tensor core, for one i after the other: bfloat16 factors, float32 sums; the fragments lie in the warp's registers
/// as PTX says for mma.m16n8k16. Products of different chains need not wait for one another.
template <int Chains, int Count>
static __device__ inline __attribute__((always_inline)) void multiplyAccumulate(float (&d)[Chains][4], const u32 (&a)[Count][4], const u32 (&b)[Count][2])
{
#pragma unroll
    for (int i = 0; i < Count; i++)
    {
        float(&sum)[4] = d[i % Chains];
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
            : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[i][0]), "r"(b[i][1]));
    }
}

#else
#include "emulator.h"
#define DEVICE static inline __attribute__((always_inline))
#define KERNEL_OF(threads, blocks) DEVICE void
#endif

#define KERNEL(threads) KERNEL_OF(threads, 1)

DEVICE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
DEVICE float greater(float a, float b) { return b > a ? b : a; }
DEVICE int lesser(int a, int b) { return b < a ? b : a; }
DEVICE int ceilDiv(int a, int b) { return (a + b - 1) / b; }

/// The stride of vectors of k elements.
DEVICE int padded(int k) { return (k + 127) & ~127; }

DEVICE float infinity() { return floatOf(0x7f800000u); }

/// e^x to within 2 units in the last place; 0 below -87.3 and infinity above 88.7. The CPU device computes it by the same steps.
DEVICE float exponential(float x)
{
    // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 is split in two so that n times its upper part is exact.
    const float clamped = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
    const float n = fused(clamped, 1.44269504f, 12582912.0f) - 12582912.0f;
    float r = fused(n, -0.693359375f, clamped);
    r = fused(n, 2.12194440e-4f, r);

    float p = 1.0f / 5040;
    p = fused(p, r, 1.0f / 720);
    p = fused(p, r, 1.0f / 120);
    p = fused(p, r, 1.0f / 24);
    p = fused(p, r, 1.0f / 6);
    p = fused(p, r, 0.5f);
    p = fused(p, r, 1.0f);
    p = fused(p, r, 1.0f);

    // Two factors, since 2^128 alone does not fit the exponent although e^88.7 does.
    const int power = n == n ? (int)n : 0;
    const int half = power >> 1;
    const float value = p * floatOf((u32)(half + 127) << 23) * floatOf((u32)(power - half + 127) << 23);
    return x < -87.3f ? 0.0f : x > 88.7f ? infinity() : value;
}

/// Cosine and sine of an angle up to some 10^6 radians, right to the last bit of float32 but for a few ties.
DEVICE void cosineAndSine(float angle, float& cosine, float& sine)
{
    // A quarter turn is subtracted in two parts; the rest lies in [-pi/4, pi/4], where the series converge fast.
    const double magic = 6755399441055744.0;
    const double turns = fused((double)angle, 0.63661977236758134308, magic) - magic;
    double r = fused(turns, -1.57079632679489655800, (double)angle);
    r = fused(turns, -6.12323399573676603587e-17, r);

    const double square = r * r;
    double s = -1.0 / 1307674368000;
    s = fused(s, square, 1.0 / 6227020800);
    s = fused(s, square, -1.0 / 39916800);
    s = fused(s, square, 1.0 / 362880);
    s = fused(s, square, -1.0 / 5040);
    s = fused(s, square, 1.0 / 120);
    s = fused(s, square, -1.0 / 6);
    s = fused(s * square, r, r);

    double c = 1.0 / 20922789888000;
    c = fused(c, square, -1.0 / 87178291200);
    c = fused(c, square, 1.0 / 479001600);
    c = fused(c, square, -1.0 / 3628800);
    c = fused(c, square, 1.0 / 40320);
    c = fused(c, square, -1.0 / 720);
    c = fused(c, square, 1.0 / 24);
    c = fused(c, square, -0.5);
    c = fused(c, square, 1.0);

    const int quarter = (int)turns & 3;
    const double x = (quarter & 1) ? s : c;
    const double y = (quarter & 1) ? c : s;
    cosine = (float)(quarter == 1 || quarter == 2 ? -x : x);
    sine = (float)(quarter >= 2 ? -y : y);
}

/// The natural logarithm of a positive, normal number, to within a few units in the last place.
DEVICE double logarithm(double x)
{
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)) by its series.
    u64 bits = __builtin_bit_cast(u64, x) + (0x3ff0000000000000ull - 0x3fe6a09e667f3bcdull);
    const int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffull) + 0x3fe6a09e667f3bcdull;
    const double rest = __builtin_bit_cast(double, bits) - 1.0, s = rest / (rest + 2.0), square = s * s;
    double series = 1.0 / 23;
    series = fused(series, square, 1.0 / 21);
    series = fused(series, square, 1.0 / 19);
    series = fused(series, square, 1.0 / 17);
    series = fused(series, square, 1.0 / 15);
    series = fused(series, square, 1.0 / 13);
    series = fused(series, square, 1.0 / 11);
    series = fused(series, square, 1.0 / 9);
    series = fused(series, square, 1.0 / 7);
    series = fused(series, square, 1.0 / 5);
    series = fused(series, square, 1.0 / 3);
    series = fused(series * square, s, s);
    return fused((double)exponent, 0.69314718055994530942, 2.0 * series);
}

DEVICE float warpSum(float value)
{
    for (int mask = 16; mask > 0; mask >>= 1)
    {
        value += shuffleXor(value, mask);
    }

    return value;
}

DEVICE float warpMax(float value)
{
    for (int mask = 16; mask > 0; mask >>= 1)
    {
        value = greater(value, shuffleXor(value, mask));
    }

    return value;
}

/// A logit and its token as a number: the greater the logit, and of equal ones the lower the token, the greater the number. 0 for NaN.
DEVICE u64 choiceKey(float logit, int token)
{
    const u32 bits = bitsOf(logit + 0.0f); // -0 counts as 0
    const u32 ordered = (bits >> 31) ? ~bits : bits | 0x80000000u;
    return logit == logit ? (u64)ordered << 32 | (u32)~token : 0;
}

/// The token of a key, -1 where there is none.
DEVICE int tokenOf(u64 key) { return key == 0 ? -1 : (int)~(u32)key; }
