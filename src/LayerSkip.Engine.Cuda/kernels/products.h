// A matrix times up to 16 rows (decode), or times tiles of 64 rows (prefill), with the same bits whichever computes a row.
//
// The order of every sum is fixed by the matrix's width alone. Its inputs fall into 8 slices of neighbouring steps. Within a slice, a tensor core adds block after
// block of 32 inputs, and of each block the products of the bfloat16 parts in the order of `accumulate`; the slices' sums are then added in order. Decoding gives
// each of a block's 8 warps one slice, so that 16 outputs have many loads in flight; prefill walks through all slices in one warp. A tensor core's result for an
// output and a row does not depend on the other 15 outputs or 7 rows.
#pragma once
#include "weights.h"

enum { Slices = 8, BlockThreads = 256 };

/// sum += the products of two rows' parts of one block with those of 8 activation rows. Parts of less than a float32's last bit together are left out.
template <int Parts>
DEVICE void accumulate(float (&sum)[4], const u32 (&upper)[Parts][4], const u32 (&lower)[Parts][4], const u32 (&x)[3][4])
{
    enum { Products = Parts * (7 - Parts) }; // of each half of the block, part i with the first 3 - i parts of the activations
    u32 a[Products][4], b[Products][2];
    int product = 0;
#pragma unroll
    for (int half = 0; half < 4; half += 2)
    {
#pragma unroll
        for (int i = 0; i < Parts; i++)
        {
#pragma unroll
            for (int j = 0; j < 3 - i; j++)
            {
                a[product][0] = upper[i][half];
                a[product][1] = lower[i][half];
                a[product][2] = upper[i][half + 1];
                a[product][3] = lower[i][half + 1];
                b[product][0] = x[j][half];
                b[product][1] = x[j][half + 1];
                product++;
            }
        }
    }

    multiplyAccumulate<Products>(sum, a, b);
}

/// What a lane reads of a matrix: two of a tile's 16 outputs, g and g + 8.
template <class Format>
struct Outputs
{
    const unsigned char* upper;
    const unsigned char* lower;
    const float* upperScales;
    const float* lowerScales;

    DEVICE Outputs of(const Matrix& matrix, int upper, int lower, int k)
    {
        const u64 bytes = Format::rowBytes(k);
        const int blocks = ceilDiv(k, Format::Step) * (Format::Step / 32);
        return {
            matrix.data + upper * bytes, matrix.data + lower * bytes,
            Format::Scaled ? matrix.scales + (u64)upper * blocks : 0, Format::Scaled ? matrix.scales + (u64)lower * blocks : 0};
    }
};

/// One step's weights of a lane, on their way from memory.
template <class Format>
struct Step
{
    typename Format::Raw upper, lower;

    DEVICE Step load(const Outputs<Format>& outputs, int step, int t) { return {Format::load(outputs.upper, step, t), Format::load(outputs.lower, step, t)}; }
};

/// The activations of Tiles times 8 rows: a lane's share of one block.
template <int Tiles>
struct Activations
{
    u32 parts[Tiles][3][4];
};

/// sums += one block's products with tiles of 8 rows.
template <class Format, int Tiles>
DEVICE void addBlock(
    float (&sums)[Tiles][4], const Outputs<Format>& outputs, const Step<Format>& weights, int step, int block, const Activations<Tiles>& x, int tiles)
{
    u32 upper[Format::Parts][4], lower[Format::Parts][4];
    Format::parts(weights.upper, block, upper);
    Format::parts(weights.lower, block, lower);
    const int index = step * (Format::Step / 32) + block;
#pragma unroll
    for (int tile = 0; tile < Tiles; tile++)
    {
        if (tile < tiles)
        {
            if (Format::Scaled)
            {
                float products[4] = {0, 0, 0, 0};
                accumulate<Format::Parts>(products, upper, lower, x.parts[tile]);
                const float first = outputs.upperScales[index], second = outputs.lowerScales[index];
                sums[tile][0] = fused(products[0], first, sums[tile][0]);
                sums[tile][1] = fused(products[1], first, sums[tile][1]);
                sums[tile][2] = fused(products[2], second, sums[tile][2]);
                sums[tile][3] = fused(products[3], second, sums[tile][3]);
            }
            else
            {
                accumulate<Format::Parts>(sums[tile], upper, lower, x.parts[tile]);
            }
        }
    }
}

/// 8 neighbouring activations, times the norm's gain where there is one (the rms is divided out at the end), as bfloat16 parts.
template <bool Normed>
DEVICE void loadActivations(const float* x, const float* gain, u32 (&parts)[3][4])
{
    const float4 a = *(const float4*)x, b = *(const float4*)(x + 4);
    float values[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
    if (Normed)
    {
        const float4 c = *(const float4*)gain, d = *(const float4*)(gain + 4);
        const float gains[8] = {c.x, c.y, c.z, c.w, d.x, d.y, d.z, d.w};
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            values[i] *= gains[i];
        }
    }

    split(values, parts);
}

/// What a product runs over.
struct Product
{
    const float* x;
    const float* gain;
    const int* positions;
    const int* ids;
    int rows, n, k;
    float epsilon;

    /// The matrix's row of an output; behind the last it is the last.
    DEVICE int output(const Product& product, int index)
    {
        const int last = (product.ids ? lesser(product.n, product.ids[0]) : product.n) - 1;
        const int within = lesser(index, last);
        return product.ids ? product.ids[1 + within] : within;
    }
};

/// Whether any of up to 64 rows from the first on is there.
DEVICE bool anyRow(const int* positions, int first, int rows, int count)
{
    const int lane = threadIdx.x & 31;
    bool any = false;
    for (int i = lane; i < count && first + i < rows; i += 32)
    {
        any |= positions[first + i] >= 0;
    }

    return anyOfWarp(any);
}

/// The products of 16 outputs with up to 16 rows, each of a block's 256 threads taking one: finish(matrix 0's, matrix 1's, output, row).
/// An output is counted from 0 to n, whichever matrix rows the ids give it.
template <class Format, int Matrices, bool Normed, class Finish>
DEVICE void multiplyRows(const Product& product, const Matrix* matrices, Finish finish)
{
    __shared__ float partial[Matrices][Slices][16][16];
    __shared__ float inverse[16];

    const int thread = threadIdx.x, lane = thread & 31, slice = thread >> 5, g = lane >> 2, t = lane & 3;
    const int firstOutput = 16 * blockIdx.x, firstRow = 16 * blockIdx.y;
    if (!anyRow(product.positions, firstRow, product.rows, 16) || (product.ids && firstOutput >= product.ids[0]))
    {
        return;
    }

    const int k = product.k, stride = padded(k);
    const int tiles = product.rows - firstRow > 8 ? 2 : 1;
    const int steps = ceilDiv(k, Format::Step), perSlice = ceilDiv(steps, Slices);
    const int end = lesser((slice + 1) * perSlice, steps);
    Outputs<Format> outputs[Matrices];
    const float* x[2];
    float sums[Matrices][2][4] = {};
#pragma unroll
    for (int i = 0; i < Matrices; i++)
    {
        outputs[i] = Outputs<Format>::of(matrices[i], Product::output(product, firstOutput + g), Product::output(product, firstOutput + g + 8), k);
    }

    // Of a tile's columns behind the last row nothing is kept; they repeat that row.
#pragma unroll
    for (int tile = 0; tile < 2; tile++)
    {
        x[tile] = product.x + (u64)lesser(firstRow + 8 * tile + g, product.rows - 1) * stride;
    }

    // Several steps' weights are asked for before the first is needed: memory is far away.
    enum { Ahead = 4 / Matrices };
    for (int step = slice * perSlice; step < end; step += Ahead)
    {
        Step<Format> weights[Ahead][Matrices];
#pragma unroll
        for (int i = 0; i < Ahead; i++)
        {
#pragma unroll
            for (int j = 0; j < Matrices; j++)
            {
                weights[i][j] = Step<Format>::load(outputs[j], lesser(step + i, end - 1), t);
            }
        }

#pragma unroll
        for (int i = 0; i < Ahead; i++)
        {
            if (step + i < end)
            {
#pragma unroll 1
                for (int block = 0; block < Format::Step / 32; block++)
                {
                    const int input = (step + i) * Format::Step + 32 * block + 8 * t;
                    Activations<2> activations;
#pragma unroll
                    for (int tile = 0; tile < 2; tile++)
                    {
                        if (tile < tiles)
                        {
                            loadActivations<Normed>(x[tile] + input, product.gain + input, activations.parts[tile]);
                        }
                    }

#pragma unroll
                    for (int j = 0; j < Matrices; j++)
                    {
                        addBlock<Format, 2>(sums[j], outputs[j], weights[i][j], step + i, block, activations, tiles);
                    }
                }
            }
        }
    }

#pragma unroll
    for (int i = 0; i < Matrices; i++)
    {
#pragma unroll
        for (int tile = 0; tile < 2; tile++)
        {
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                partial[i][slice][8 * tile + 2 * t + (j & 1)][g + 8 * (j >> 1)] = sums[i][tile][j];
            }
        }
    }

    if (Normed)
    {
        for (int row = slice; row < 16 && firstRow + row < product.rows; row += Slices)
        {
            const float value = inverseRms(product.x + (u64)(firstRow + row) * stride, k, product.epsilon);
            if (lane == 0)
            {
                inverse[row] = value;
            }
        }
    }

    syncBlock();
    const int output = thread & 15, row = thread >> 4;
    float totals[2] = {0, 0};
#pragma unroll
    for (int i = 0; i < Matrices; i++)
    {
        totals[i] = partial[i][0][row][output];
        for (int other = 1; other < Slices; other++)
        {
            totals[i] += partial[i][other][row][output];
        }

        totals[i] = Normed ? totals[i] * inverse[row] : totals[i];
    }

    const bool there = firstOutput + output < product.n && firstRow + row < product.rows && product.positions[firstRow + row] >= 0;
    finish(totals[0], totals[1], firstOutput + output, firstRow + row, there);
}

/// The products of 64 outputs with up to 64 rows: each of a block's 8 warps takes 16 outputs and 32 rows. The activations are split once for all of them.
template <class Format, int Matrices, bool Normed, class Finish>
DEVICE void multiplyTiles(const Product& product, const Matrix* matrices, Finish finish)
{
    __shared__ uint4 staged[2][3][64][4];
    __shared__ float inverse[64];

    const int thread = threadIdx.x, lane = thread & 31, warp = thread >> 5, g = lane >> 2, t = lane & 3;
    const int firstOutput = 64 * blockIdx.x + 16 * (warp & 3), firstRow = 64 * blockIdx.y, warpRow = 32 * (warp >> 2);
    if (!anyRow(product.positions, firstRow, product.rows, 64))
    {
        return;
    }

    const int k = product.k, stride = padded(k);
    const int tiles = lesser(4, ceilDiv(product.rows - firstRow - warpRow, 8));
    const int steps = ceilDiv(k, Format::Step), perSlice = ceilDiv(steps, Slices);
    Outputs<Format> outputs[Matrices];
    float totals[Matrices][4][4] = {}, sums[Matrices][4][4] = {};
#pragma unroll
    for (int i = 0; i < Matrices; i++)
    {
        outputs[i] = Outputs<Format>::of(matrices[i], Product::output(product, firstOutput + g), Product::output(product, firstOutput + g + 8), k);
    }

    if (Normed)
    {
        for (int row = warp; row < 64 && firstRow + row < product.rows; row += BlockThreads / 32)
        {
            const float value = inverseRms(product.x + (u64)(firstRow + row) * stride, k, product.epsilon);
            if (lane == 0)
            {
                inverse[row] = value;
            }
        }
    }

    const float* source = product.x + (u64)lesser(firstRow + (thread >> 2), product.rows - 1) * stride;
    for (int step = 0; step < steps; step++)
    {
        Step<Format> weights[Matrices];
#pragma unroll
        for (int i = 0; i < Matrices; i++)
        {
            weights[i] = Step<Format>::load(outputs[i], step, t);
        }

#pragma unroll 1
        for (int block = 0; block < Format::Step / 32; block++)
        {
            // Two stages in turn: who writes one has passed the barrier behind which all have read it.
            const int stage = (step * (Format::Step / 32) + block) & 1;
            const int input = step * Format::Step + 32 * block + 8 * (thread & 3);
            u32 parts[3][4];
            loadActivations<Normed>(source + input, product.gain + input, parts);
#pragma unroll
            for (int part = 0; part < 3; part++)
            {
                staged[stage][part][thread >> 2][thread & 3] = {parts[part][0], parts[part][1], parts[part][2], parts[part][3]};
            }

            syncBlock();
            Activations<4> activations;
#pragma unroll
            for (int tile = 0; tile < 4; tile++)
            {
#pragma unroll
                for (int part = 0; part < 3; part++)
                {
                    const uint4 words = staged[stage][part][warpRow + 8 * tile + g][t];
                    activations.parts[tile][part][0] = words.x;
                    activations.parts[tile][part][1] = words.y;
                    activations.parts[tile][part][2] = words.z;
                    activations.parts[tile][part][3] = words.w;
                }
            }

#pragma unroll
            for (int i = 0; i < Matrices; i++)
            {
                addBlock<Format, 4>(sums[i], outputs[i], weights[i], step, block, activations, tiles);
            }
        }

        if ((step + 1) % perSlice == 0 || step + 1 == steps)
        {
#pragma unroll
            for (int i = 0; i < Matrices * 16; i++)
            {
                totals[i >> 4][i >> 2 & 3][i & 3] += sums[i >> 4][i >> 2 & 3][i & 3];
                sums[i >> 4][i >> 2 & 3][i & 3] = 0;
            }
        }
    }

    syncBlock();
#pragma unroll
    for (int i = 0; i < 16; i++)
    {
        const int tile = i >> 2, output = firstOutput + g + 8 * (i >> 1 & 1), local = warpRow + 8 * tile + 2 * t + (i & 1), row = firstRow + local;
        if (tile < tiles && output < product.n && row < product.rows && product.positions[row] >= 0)
        {
            const float scale = Normed ? inverse[local] : 1.0f;
            const float first = totals[0][tile][i & 3], second = totals[Matrices - 1][tile][i & 3];
            finish(Normed ? first * scale : first, Normed ? second * scale : second, output, row, true);
        }
    }
}
