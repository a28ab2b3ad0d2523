// How matrices lie in memory (KERNELS.md), and how a lane takes its share of a row to the tensor cores. A step is what a lane reads at once: 16 bytes of a row
// (32 of float32), so that the four lanes of a row read 64 neighbouring bytes. A step holds blocks of 32 inputs, of which lane t has the inputs 8 t .. 8 t + 7.
#pragma once
#include "activations.h"

struct F32
{
    enum { Step = 32, Parts = 3, Scaled = 0, Ahead = 2, MostAhead = 2 };
    struct Raw { uint4 low, high; };

    DEVICE u64 rowBytes(int k) { return (u64)((k + 31) & ~31) * 4; }

    DEVICE Raw load(const unsigned char* row, const float*, int step, int t)
    {
        const unsigned char* p = row + (u64)step * 128 + t * 32;
        return {loadOnce(p), loadOnce(p + 16)};
    }

    DEVICE void parts(const Raw& raw, int, u32 (&parts)[Parts][4])
    {
        const uint4 &a = raw.low, &b = raw.high;
        float values[8] = {floatOf(a.x), floatOf(a.y), floatOf(a.z), floatOf(a.w), floatOf(b.x), floatOf(b.y), floatOf(b.z), floatOf(b.w)};
        split(values, parts);
    }

    DEVICE float scale(const Raw&, int) { return 1.0f; }

    DEVICE float value(const unsigned char* row, int i) { return ((const float*)row)[i]; }
};

struct Bf16
{
    enum { Step = 32, Parts = 1, Scaled = 0, Ahead = 4, MostAhead = 6 };
    typedef uint4 Raw;

    DEVICE u64 rowBytes(int k) { return (u64)((k + 31) & ~31) * 2; }

    DEVICE Raw load(const unsigned char* row, const float*, int step, int t) { return loadOnce(row + (u64)step * 64 + t * 16); }

    DEVICE float scale(const Raw&, int) { return 1.0f; }

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
    enum { Step = 32, Parts = 2, Scaled = 0, Ahead = 4, MostAhead = 6 };
    typedef uint4 Raw;

    DEVICE u64 rowBytes(int k) { return (u64)((k + 31) & ~31) * 2; }

    DEVICE Raw load(const unsigned char* row, const float*, int step, int t) { return loadOnce(row + (u64)step * 64 + t * 16); }

    DEVICE float scale(const Raw&, int) { return 1.0f; }

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

struct Q8
{
    enum { Step = 64, Parts = 1, Scaled = 1, Ahead = 4, MostAhead = 4 };
    struct Raw { uint4 words; float2 scales; };

    DEVICE u64 rowBytes(int k) { return (u64)((k + 63) & ~63); }

    DEVICE Raw load(const unsigned char* row, const float* scales, int step, int t)
    {
        return {loadOnce(row + (u64)step * 64 + t * 16), *(const float2*)(scales + 2 * step)};
    }

    DEVICE void parts(const Raw& raw, int block, u32 (&parts)[Parts][4])
    {
        // A byte n in the low bits of 2^23 is the float 2^23 + n: a subtraction converts it, without the slow conversion instruction. The upper half of a small integer's
        // float is its bfloat16.
        const u32 words[2] = {(block == 0 ? raw.words.x : raw.words.z) ^ 0x80808080u, (block == 0 ? raw.words.y : raw.words.w) ^ 0x80808080u};
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const u32 byte = 2 * i % 4;
            const float low = floatOf(bytesOf(words[i / 2], 0x4b000000u, 0x7440u | byte)) - 8388736.0f;
            const float high = floatOf(bytesOf(words[i / 2], 0x4b000000u, 0x7440u | (byte + 1))) - 8388736.0f;
            parts[0][i] = bytesOf(bitsOf(low), bitsOf(high), 0x7632u);
        }
    }

    DEVICE float scale(const Raw& raw, int block) { return block == 0 ? raw.scales.x : raw.scales.y; }

    DEVICE float value(const unsigned char* row, int i)
    {
        return (float)(i8)row[(i & ~63) + (i >> 3 & 3) * 16 + (i >> 5 & 1) * 8 + (i & 7)];
    }
};

struct Q4
{
    enum { Step = 128, Parts = 1, Scaled = 1, Ahead = 2, MostAhead = 2 };
    struct Raw { uint4 words; float4 scales; };

    DEVICE u64 rowBytes(int k) { return (u64)((k + 127) & ~127) / 2; }

    DEVICE Raw load(const unsigned char* row, const float* scales, int step, int t)
    {
        return {loadOnce(row + (u64)step * 64 + t * 16), *(const float4*)(scales + 4 * step)};
    }

    DEVICE void parts(const Raw& raw, int block, u32 (&parts)[Parts][4])
    {
        // Four bits n in the low ones of the bfloat16 128 are 128 + n.
        const u32 word = block == 0 ? raw.words.x : block == 1 ? raw.words.y : block == 2 ? raw.words.z : raw.words.w;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            parts[0][i] = addPairs((word >> (4 * i) & 0x000f000fu) | 0x43004300u, 0xc308c308u); // - 136
        }
    }

    DEVICE float scale(const Raw& raw, int block) { return block == 0 ? raw.scales.x : block == 1 ? raw.scales.y : block == 2 ? raw.scales.z : raw.scales.w; }

    DEVICE float value(const unsigned char* row, int i)
    {
        const u32 word = *(const u32*)(row + (i >> 7) * 64 + (i >> 3 & 3) * 16 + (i >> 5 & 3) * 4);
        return (float)(int)(word >> (2 * (i & 6) + 16 * (i & 1)) & 0xfu) - 8.0f;
    }
};

/// A matrix in device memory.
struct Matrix
{
    const unsigned char* data;
    const float* scales;
};
