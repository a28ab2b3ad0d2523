// RMSNorm: as activations for the products behind it, or as numbers.
#include "activations.h"

enum { Threads = 256 };

/// 1 / sqrt(mean of squares + epsilon) of a vector, by a block; every thread gets it.
DEVICE float inverseRms(const float* x, int k, float epsilon)
{
    __shared__ float parts[Threads / 32];
    float a = 0, b = 0, c = 0, d = 0;
#pragma unroll 4
    for (int i = 4 * threadIdx.x; i < k; i += 4 * Threads)
    {
        const float4 v = *(const float4*)(x + i);
        a = fused(v.x, v.x, a);
        b = fused(v.y, v.y, b);
        c = fused(v.z, v.z, c);
        d = fused(v.w, v.w, d);
    }

    const float ofWarp = warpSum((a + b) + (c + d));
    if ((threadIdx.x & 31) == 0)
    {
        parts[threadIdx.x >> 5] = ofWarp;
    }

    syncBlock();
    float sum = 0;
    for (int warp = 0; warp < Threads / 32; warp++)
    {
        sum += parts[warp];
    }

    return 1.0f / squareRoot(sum / (float)k + epsilon);
}

KERNEL(256) normalize(unsigned char* y, const float* x, const float* gain, const int* positions, int rows, int k, float epsilon)
{
    releaseNext();
    awaitPrevious();
    const int row = blockIdx.x;
    if (positions[row] < 0)
    {
        return;
    }

    const float* source = x + (u64)row * padded(k);
    const float scale = inverseRms(source, k, epsilon);
    for (int i = 8 * threadIdx.x; i < k; i += 8 * Threads)
    {
        const float4 a = *(const float4*)(source + i), b = *(const float4*)(source + i + 4), c = *(const float4*)(gain + i), d = *(const float4*)(gain + i + 4);
        float values[8] = {
            a.x * scale * c.x, a.y * scale * c.y, a.z * scale * c.z, a.w * scale * c.w, b.x * scale * d.x, b.y * scale * d.y, b.z * scale * d.z, b.w * scale * d.w};
        storeActivations(y + row * activationBytes(k), i, values);
    }
}

KERNEL(256) normed_states(float* y, const float* x, const float* gain, const int* positions, int rows, int k, float epsilon)
{
    releaseNext();
    awaitPrevious();
    const int row = blockIdx.x;
    if (positions[row] < 0)
    {
        return;
    }

    const float* source = x + (u64)row * padded(k);
    const float scale = inverseRms(source, k, epsilon);
    for (int i = threadIdx.x; i < k; i += Threads)
    {
        y[(u64)row * padded(k) + i] = source[i] * scale * gain[i];
    }
}
