// The transformer's matrix products, compiled once for each weight format: FORMAT is its name here, SUFFIX that in the kernels' names.
#include "products.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

struct Project
{
    float* y;
    const float* bias;
    int ldy;

    __device__ void operator()(float value, float, int output, int row, bool there) const
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

    __device__ void operator()(float value, float, int output, int row, bool there) const
    {
        if (there)
        {
            float* stream = y + (u64)row * ldy + output;
            *stream += bias ? value + bias[output] : value;
        }
    }
};

struct GateUp
{
    float* y;
    const float* gateBias;
    const float* upBias;
    int ldy;

    __device__ void operator()(float gate, float up, int output, int row, bool there) const
    {
        if (there)
        {
            const float g = gateBias ? gate + gateBias[output] : gate;
            const float u = upBias ? up + upBias[output] : up;
            y[(u64)row * ldy + output] = g / (1.0f + exponential(-g)) * u;
        }
    }
};

/// The greatest of a block's 16 logits of each row: the 16 threads of a row are neighbours.
struct KeepBest
{
    u64* best;
    const int* ids;

    __device__ void operator()(float logit, float, int output, int row, bool there) const
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

#define PROJECT_NORM(name, multiply)                                                                                                                   \
    KERNEL(256) JOIN(name, SUFFIX)(float* y, const void* w, const float* scales, const float* bias, const float* x, const float* gain,                 \
                                   const int* positions, int rows, int n, int k, int ldy, float epsilon)                                               \
    {                                                                                                                                                  \
        const Matrix matrix = {(const unsigned char*)w, scales};                                                                                       \
        const Product product = {x, gain, positions, 0, rows, n, k, epsilon};                                                                          \
        multiply<FORMAT, 1, true>(product, &matrix, Project{y, bias, ldy});                                                                            \
    }

#define PROJECT_ADD(name, multiply)                                                                                                                    \
    KERNEL(256) JOIN(name, SUFFIX)(float* y, const void* w, const float* scales, const float* bias, const float* x, const int* positions,              \
                                   int rows, int n, int k)                                                                                             \
    {                                                                                                                                                  \
        const Matrix matrix = {(const unsigned char*)w, scales};                                                                                       \
        const Product product = {x, 0, positions, 0, rows, n, k, 0.0f};                                                                                \
        multiply<FORMAT, 1, false>(product, &matrix, ProjectAdd{y, bias, padded(n)});                                                                  \
    }

#define GATE_UP(name, multiply)                                                                                                                        \
    KERNEL(256) JOIN(name, SUFFIX)(float* y, const void* gate, const float* gateScales, const float* gateBias, const void* up, const float* upScales,  \
                                   const float* upBias, const float* x, const float* gain, const int* positions, int rows, int n, int k,               \
                                   float epsilon)                                                                                                      \
    {                                                                                                                                                  \
        const Matrix matrices[2] = {{(const unsigned char*)gate, gateScales}, {(const unsigned char*)up, upScales}};                                   \
        const Product product = {x, gain, positions, 0, rows, n, k, epsilon};                                                                          \
        multiply<FORMAT, 2, true>(product, matrices, GateUp{y, gateBias, upBias, padded(n)});                                                          \
    }

PROJECT_NORM(project_norm_, multiplyRows)
PROJECT_NORM(project_norm_tiles_, multiplyTiles)
PROJECT_ADD(project_add_, multiplyRows)
PROJECT_ADD(project_add_tiles_, multiplyTiles)
GATE_UP(gate_up_, multiplyRows)
GATE_UP(gate_up_tiles_, multiplyTiles)

KERNEL(256) JOIN(head_argmax_, SUFFIX)(u64* best, const void* w, const float* scales, const float* x, const float* gain, const int* positions, const int* ids,
                                       int rows, int n, int k, float epsilon)
{
    const Matrix matrix = {(const unsigned char*)w, scales};
    const Product product = {x, gain, positions, ids, rows, n, k, epsilon};
    multiplyRows<FORMAT, 1, true>(product, &matrix, KeepBest{best, ids});
}
