// How matrices lie in memory (KERNELS.md), and how a lane takes its share of a row to the tensor cores. A step is what a lane reads at once: 16 bytes of a row
// (32 of float32), so that the four lanes of a row read 64 neighbouring bytes. A step holds blocks of 32 inputs, of which lane t has the inputs 8 t .. 8 t + 7.
#pragma once
#include "device.h"

/// The upper 8 bits of a float32's 24, which is a bfloat16, and what they leave.
DEVICE u32 upperPart(float& rest)
{
    const u32 bits = bitsOf(rest) & 0xffff0000u;
    rest -= floatOf(bits);
    return bits;
}

/// Splits 8 float32 into Parts bfloat16 each, two to a word: three parts hold a float32 to the last bit, two a float16, one an integer of 8 bits.
template <int Parts>
DEVICE void split(float (&values)[8], u32 (&parts)[Parts][4])
{
#pragma unroll
    for (int part = 0; part < Parts; part++)
    {
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const u32 low = upperPart(values[2 * i]);
            const u32 high = upperPart(values[2 * i + 1]);
            parts[part][i] = low >> 16 | high;
        }
    }
}

struct F32
{
    enum { Step = 32, Parts = 3, Scaled = 0 };
    struct Raw { float4 low, high; };

    DEVICE u64 rowBytes(int k) { return (u64)((k + 31) & ~31) * 4; }

    DEVICE Raw load(const unsigned char* row, int step, int t)
    {
        const float4* p = (const float4*)(row + (u64)step * 128 + t * 32);
        return {p[0], p[1]};
    }

    DEVICE void parts(const Raw& raw, int, u32 (&parts)[Parts][4])
    {
        float values[8] = {raw.low.x, raw.low.y, raw.low.z, raw.low.w, raw.high.x, raw.high.y, raw.high.z, raw.high.w};
        split(values, parts);
    }

    DEVICE float value(const unsigned char* row, int i) { return ((const float*)row)[i]; }
};

struct Bf16
{
    enum { Step = 32, Parts = 1, Scaled = 0 };
    typedef uint4 Raw;

    DEVICE u64 rowBytes(int k) { return (u64)((k + 31) & ~31) * 2; }

    DEVICE Raw load(const unsigned char* row, int step, int t) { return *(const uint4*)(row + (u64)step * 64 + t * 16); }

    DEVICE void parts(const Raw& raw, int, u32 (&parts)[Parts][4])
    {
        parts[0][0] = raw.x;
        parts[0][1] = raw.y;
        parts[0][2] = raw.z;
        parts[0][3] = raw.w;
    }

    DEVICE float value(const unsigned char* row, int i) { return floatOf((u32)((const u16*)row)[i] << 16); }
};

struct F16
{
    enum { Step = 32, Parts = 2, Scaled = 0 };
    typedef uint4 Raw;

    DEVICE u64 rowBytes(int k) { return (u64)((k + 31) & ~31) * 2; }

    DEVICE Raw load(const unsigned char* row, int step, int t) { return *(const uint4*)(row + (u64)step * 64 + t * 16); }

    DEVICE void parts(const Raw& raw, int, u32 (&parts)[Parts][4])
    {
        const u32 words[4] = {raw.x, raw.y, raw.z, raw.w};
        float values[8];
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            values[2 * i] = floatOfHalf(words[i] & 0xffffu);
            values[2 * i + 1] = floatOfHalf(words[i] >> 16);
        }

        split(values, parts);
    }

    DEVICE float value(const unsigned char* row, int i) { return floatOfHalf(((const u16*)row)[i]); }
};

// An integer n below 2^23 in the low bits of 2^23 is the float 2^23 + n: a subtraction converts it, without the slow conversion instruction.
struct Q8
{
    enum { Step = 64, Parts = 1, Scaled = 1 };
    typedef uint4 Raw;

    DEVICE u64 rowBytes(int k) { return (u64)((k + 63) & ~63); }

    DEVICE Raw load(const unsigned char* row, int step, int t) { return *(const uint4*)(row + (u64)step * 64 + t * 16); }

    DEVICE void parts(const Raw& raw, int block, u32 (&parts)[Parts][4])
    {
        const u32 words[2] = {(block == 0 ? raw.x : raw.z) ^ 0x80808080u, (block == 0 ? raw.y : raw.w) ^ 0x80808080u};
        float values[8];
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            values[i] = floatOf(0x4b000000u | (words[i / 4] >> (8 * (i % 4)) & 0xffu)) - 8388736.0f;
        }

        split(values, parts);
    }

    DEVICE float value(const unsigned char* row, int i)
    {
        return (float)(i8)row[(i & ~63) + (i >> 3 & 3) * 16 + (i >> 5 & 1) * 8 + (i & 7)];
    }
};

struct Q4
{
    enum { Step = 128, Parts = 1, Scaled = 1 };
    typedef uint4 Raw;

    DEVICE u64 rowBytes(int k) { return (u64)((k + 127) & ~127) / 2; }

    DEVICE Raw load(const unsigned char* row, int step, int t) { return *(const uint4*)(row + (u64)step * 64 + t * 16); }

    DEVICE void parts(const Raw& raw, int block, u32 (&parts)[Parts][4])
    {
        const u32 word = block == 0 ? raw.x : block == 1 ? raw.y : block == 2 ? raw.z : raw.w;
        float values[8];
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            values[i] = floatOf(0x4b000000u | (word >> (4 * i) & 0xfu)) - 8388616.0f;
        }

        split(values, parts);
    }

    DEVICE float value(const unsigned char* row, int i)
    {
        const u32 word = *(const u32*)(row + (i >> 7) * 64 + (i >> 3 & 3) * 16 + (i >> 5 & 3) * 4);
        return (float)(int)(word >> (4 * (i & 7)) & 0xfu) - 8.0f;
    }
};

/// A matrix in device memory.
struct Matrix
{
    const unsigned char* data;
    const float* scales;
};
