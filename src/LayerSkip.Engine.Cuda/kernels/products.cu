// The transformer's matrix products, compiled once for each weight format: FORMAT is its name here, SUFFIX that in the kernels' names.
#include "products.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

struct Project
{
    float* y;
    const float* bias;
    int ldy;

    __device__ float before(int, int, bool) const { return 0; }

    __device__ void operator()(float value, float, float, int output, int row, bool there) const
    {
        if (there)
        {
            y[(u64)row * ldy + output] = bias ? value + bias[output] : value;
        }
    }
};

struct ProjectAdd
{
    float* y;
    const float* bias;
    int ldy;

    __device__ float before(int output, int row, bool there) const { return there ? y[(u64)row * ldy + output] : 0; }

    __device__ void operator()(float value, float, float before, int output, int row, bool there) const
    {
        if (there)
        {
            y[(u64)row * ldy + output] = before + (bias ? value + bias[output] : value);
        }
    }
};

struct GateUp
{
    unsigned char* y;
    const float* gateBias;
    const float* upBias;
    u64 stride;

    __device__ float before(int, int, bool) const { return 0; }

    __device__ void operator()(float gate, float up, float, int output, int row, bool there) const
    {
        if (there)
        {
            const float g = gateBias ? gate + gateBias[output] : gate;
            const float u = upBias ? up + upBias[output] : up;
            storeActivation(y + row * stride, output, g / (1.0f + exponential(-g)) * u);
        }
    }
};

/// The greatest of a block's 16 logits of each row: the 16 threads of a row are neighbours.
struct KeepBest
{
    u64* best;
    const int* ids;

    __device__ float before(int, int, bool) const { return 0; }

    __device__ void operator()(float logit, float, float, int output, int row, bool there) const
    {
        there = there && (!ids || output < ids[0]);
        u64 key = there ? choiceKey(logit, ids ? ids[1 + output] : output) : 0;
        for (int mask = 8; mask > 0; mask >>= 1)
        {
            const u64 other = (u64)shuffleXor((u32)(key >> 32), mask) << 32 | shuffleXor((u32)key, mask);
            key = other > key ? other : key;
        }

        if ((threadIdx.x & 15) == 0 && key != 0)
        {
            atomicMax(best + row, key);
        }
    }
};

#define PROJECT(name, multiply, blocks)                                                                                                                        \
    KERNEL_OF(256, blocks) JOIN(name, SUFFIX)(float* y, const void* w, const float* scales, const float* bias, const unsigned char* x, const int* positions,      \
                                   int rows, int n, int k, int ldy)                                                                                    \
    {                                                                                                                                                  \
        multiply<FORMAT>(Product{x, positions, 0, rows, n, k}, Alone<0>{{(const unsigned char*)w, scales}}, Project{y, bias, ldy});                                                     \
    }

#define PROJECT_ADD(name, multiply, blocks)                                                                                                                    \
    KERNEL_OF(256, blocks) JOIN(name, SUFFIX)(float* y, const void* w, const float* scales, const float* bias, const unsigned char* x, const int* positions,      \
                                   int rows, int n, int k)                                                                                             \
    {                                                                                                                                                  \
        multiply<FORMAT>(Product{x, positions, 0, rows, n, k}, Alone<0>{{(const unsigned char*)w, scales}}, ProjectAdd{y, bias, padded(n)});                                            \
    }

#define GATE_UP(name, multiply, blocks)                                                                                                                        \
    KERNEL_OF(256, blocks) JOIN(name, SUFFIX)(unsigned char* y, const void* gate, const float* gateScales, const float* gateBias, const void* up,                 \
                                   const float* upScales, const float* upBias, const unsigned char* x, const int* positions, int rows, int n, int k)   \
    {                                                                                                                                                  \
        const Paired matrices = {{(const unsigned char*)gate, gateScales}, {(const unsigned char*)up, upScales}};                                   \
        multiply<FORMAT>(Product{x, positions, 0, rows, n, k}, matrices, GateUp{y, gateBias, upBias, activationBytes(n)});                          \
    }

PROJECT(project_, multiplyRows, 2)
PROJECT(project_tiles_, multiplyTiles, 1)
PROJECT_ADD(project_add_, multiplyRows, 2)
PROJECT_ADD(project_add_tiles_, multiplyTiles, 1)
GATE_UP(gate_up_, multiplyRows, 2)
GATE_UP(gate_up_tiles_, multiplyTiles, 1)

KERNEL_OF(256, 2) JOIN(head_argmax_, SUFFIX)(u64* best, const void* w, const float* scales, const unsigned char* x, const int* positions, const int* ids, int rows,
                                       int n, int k)
{
    multiplyRows<FORMAT>(Product{x, positions, ids, rows, n, k}, Alone<1>{{(const unsigned char*)w, scales}}, KeepBest{best, ids});
}
