// A token's row of the embedding, and the angles by which its position turns queries and keys.
#include "weights.h"

DEVICE void writeAngles(float* angles, int position, const float* frequencies, int planes)
{
    for (int i = threadIdx.x; i < planes; i += 128)
    {
        // The product is rounded to float32, as in the code these models were trained with.
        cosineAndSine((float)position * frequencies[i], angles[i], angles[planes + i]);
    }
}

template <class Format>
DEVICE void embed(
    float* hidden, float* angles, const int* tokens, const int* positions, const void* table, const float* scales, const float* frequencies, int k, int planes)
{
    releaseNext();
    awaitPrevious();
    const int row = blockIdx.x;
    if (positions[row] < 0)
    {
        return;
    }

    const u64 bytes = Format::rowBytes(k);
    const u64 token = tokens[row];
    const unsigned char* source = (const unsigned char*)table + token * bytes;
    const int blocks = (k + Format::Step - 1) / Format::Step * (Format::Step / 32);
    for (int i = threadIdx.x; i < k; i += 128)
    {
        const float value = Format::value(source, i);
        hidden[(u64)row * padded(k) + i] = Format::Scaled ? value * scales[token * blocks + (i >> 5)] : value;
    }

    writeAngles(angles + (u64)row * 2 * planes, positions[row], frequencies, planes);
}

#define EMBED(suffix, Format)                                                                                                                          \
    KERNEL(128) embed_##suffix(float* hidden, float* angles, const int* tokens, const int* positions, const void* table, const float* scales,          \
                               const float* frequencies, int rows, int k, int planes)                                                                  \
    {                                                                                                                                                  \
        embed<Format>(hidden, angles, tokens, positions, table, scales, frequencies, k, planes);                                                       \
    }

EMBED(f32, F32)
EMBED(bf16, Bf16)
EMBED(f16, F16)
EMBED(q8, Q8)
EMBED(q4, Q4)

KERNEL(128) rotary_angles(float* angles, const int* positions, const float* frequencies, int rows, int planes)
{
    releaseNext();
    awaitPrevious();
    const int row = blockIdx.x;
    if (positions[row] >= 0)
    {
        writeAngles(angles + (u64)row * 2 * planes, positions[row], frequencies, planes);
    }
}
