// A matrix times up to 16 rows (decode), or times tiles of 64 rows (prefill), with the same bits whichever computes a row.
//
// The order of every sum is fixed by the matrix's width alone. Its inputs fall into 8 slices of neighbouring steps. Within a slice, a tensor core adds block after
// block of 32 inputs, and of each half of a block the products of the bfloat16 parts in the order of `accumulate`; halves and then slices are added in order. Decoding gives
// each of a block's 8 warps one slice, so that 16 outputs have many loads in flight; prefill walks through all slices in one warp. A tensor core's result for an
// output and a row does not depend on the other 15 outputs or 7 rows.
//
// Weights are on their way from memory several steps before they are needed, the first ones before the kernel in front has ended.
#pragma once
#include "weights.h"

enum { Slices = 8, BlockThreads = 256 };

/// A lane's share of a block of 32 activations of a row: 8 neighbouring ones.
struct Activations
{
    u32 parts[3][4];

    DEVICE Activations of(const uint4& a, const uint4& b, const uint4& c) { return {{{a.x, a.y, a.z, a.w}, {b.x, b.y, b.z, b.w}, {c.x, c.y, c.z, c.w}}}; }

    DEVICE Activations load(const unsigned char* x) { return of(*(const uint4*)x, *(const uint4*)(x + PartBytes), *(const uint4*)(x + 2 * PartBytes)); }
};

/// A lane's sums of 16 outputs and 8 rows, apart for the halves of each block: a tensor core is through with one before the other needs it.
struct Sums
{
    float halves[2][4];

    DEVICE float total(const Sums& sums, int i) { return sums.halves[0][i] + sums.halves[1][i]; }
};

/// sums += the products of two rows' parts of one block with those of tiles of 8 activation rows. Parts of less than a float32's last bit together are left out.
template <int Parts, int Tiles>
DEVICE void accumulate(Sums (&sums)[Tiles], const u32 (&upper)[Parts][4], const u32 (&lower)[Parts][4], const Activations (&x)[Tiles])
{
    enum { Chains = 2 * Tiles, Products = Parts * (7 - Parts) / 2 * Chains }; // part i with the first 3 - i parts of the activations
    u32 a[Products][4], b[Products][2];
    int product = 0;
#pragma unroll
    for (int i = 0; i < Parts; i++)
    {
#pragma unroll
        for (int j = 0; j < 3 - i; j++)
        {
#pragma unroll
            for (int chain = 0; chain < Chains; chain++)
            {
                const int half = 2 * (chain & 1);
                a[product][0] = upper[i][half];
                a[product][1] = lower[i][half];
                a[product][2] = upper[i][half + 1];
                a[product][3] = lower[i][half + 1];
                b[product][0] = x[chain / 2].parts[j][half];
                b[product][1] = x[chain / 2].parts[j][half + 1];
                product++;
            }
        }
    }

    multiplyAccumulate<Chains, Products>((float(&)[Chains][4])sums, a, b);
}

/// What a lane reads of a matrix: two of a tile's 16 outputs, the g-th of the upper and of the lower half.
template <class Format>
struct Outputs
{
    const unsigned char* upper;
    const unsigned char* lower;
    const float* upperScales;
    const float* lowerScales;

    DEVICE Outputs of(const Matrix& first, int upper, const Matrix& second, int lower, int k)
    {
        const u64 bytes = Format::rowBytes(k);
        const int blocks = ceilDiv(k, Format::Step) * (Format::Step / BlockInputs);
        return {
            first.data + upper * bytes, second.data + lower * bytes,
            Format::Scaled ? first.scales + (u64)upper * blocks : 0, Format::Scaled ? second.scales + (u64)lower * blocks : 0};
    }
};

/// One step's weights of a lane, on their way from memory.
template <class Format>
struct Step
{
    typename Format::Raw upper, lower;

    DEVICE Step load(const Outputs<Format>& outputs, int step, int t)
    {
        return {Format::load(outputs.upper, outputs.upperScales, step, t), Format::load(outputs.lower, outputs.lowerScales, step, t)};
    }
};

/// One block's weights of a lane, ready for the tensor core.
template <class Format>
struct Weights
{
    u32 upper[Format::Parts][4], lower[Format::Parts][4];
    float upperScale, lowerScale;

    DEVICE Weights of(const Step<Format>& step, int block)
    {
        Weights weights;
        Format::parts(step.upper, block, weights.upper);
        Format::parts(step.lower, block, weights.lower);
        weights.upperScale = Format::scale(step.upper, block);
        weights.lowerScale = Format::scale(step.lower, block);
        return weights;
    }

    /// sums += the products with tiles of 8 rows.
    template <int Tiles>
    DEVICE void multiply(const Weights& weights, const Activations (&x)[Tiles], Sums (&sums)[Tiles])
    {
        if (!Format::Scaled)
        {
            accumulate(sums, weights.upper, weights.lower, x);
            return;
        }

        Sums products[Tiles] = {};
        accumulate(products, weights.upper, weights.lower, x);
#pragma unroll
        for (int tile = 0; tile < Tiles; tile++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                float& sum = sums[tile].halves[0][i];
                sum = fused(Sums::total(products[tile], i), i < 2 ? weights.upperScale : weights.lowerScale, sum);
            }
        }
    }
};

/// What a product runs over.
struct Product
{
    const unsigned char* x; // activations
    const int* positions;
    const int* ids;
    int rows, n, k;

    /// The matrix's row of an output; behind the last it is the last.
    DEVICE int output(const Product& product, int index)
    {
        const int last = (product.ids ? lesser(product.n, product.ids[0]) : product.n) - 1;
        const int within = lesser(index, last);
        return product.ids ? product.ids[1 + within] : within;
    }
};

/// A tensor core's 16 outputs are those of one matrix ... A block goes on with further outputs where there are many.
template <int Many>
struct Alone
{
    enum { PerTile = 16, GoesOn = Many };
    Matrix matrix;

    template <class Format>
    DEVICE Outputs<Format> outputs(const Alone<Many>& alone, const Product& product, int first, int g)
    {
        return Outputs<Format>::of(alone.matrix, Product::output(product, first + g), alone.matrix, Product::output(product, first + 8 + g), product.k);
    }
};

/// ... or 8 of each of two, so that a lane that has the first one's also has the second one's.
struct Paired
{
    enum { PerTile = 8, GoesOn = 1 };
    Matrix first, second;

    template <class Format>
    DEVICE Outputs<Format> outputs(const Paired& paired, const Product& product, int first, int g)
    {
        const int output = Product::output(product, first + g);
        return Outputs<Format>::of(paired.first, output, paired.second, output, product.k);
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

/// The products of a tile's outputs with up to 16 rows, tile after tile. Of a pair's outputs, finish gets both: finish(first, second, what was there before, output, row,
/// whether there is such a row). An output is counted from 0 to n, whichever matrix rows the ids give it.
template <class Format, class Matrices, class Finish>
DEVICE void multiplyRows(const Product& product, const Matrices& matrices, const Finish& finish)
{
    enum { Ahead = Matrices::GoesOn ? Format::Ahead : Format::MostAhead, StepBlocks = Format::Step / BlockInputs, PerTile = Matrices::PerTile };
    __shared__ float partial[2][Slices][16][16];

    const int thread = threadIdx.x, lane = thread & 31, slice = thread >> 5, g = lane >> 2, t = lane & 3;
    const int firstRow = 16 * blockIdx.y, n = product.ids ? lesser(product.n, product.ids[0]) : product.n;
    const int steps = ceilDiv(product.k, Format::Step), perSlice = ceilDiv(steps, Slices);
    const int begin = slice * perSlice, end = lesser(begin + perSlice, steps);
    releaseNext();
    int output = PerTile * blockIdx.x;
    if (output >= n)
    {
        awaitPrevious();
        return;
    }

    Outputs<Format> outputs = Matrices::template outputs<Format>(matrices, product, output, g);
    Step<Format> onTheirWay[Ahead];
#pragma unroll
    for (int i = 0; i < Ahead; i++)
    {
        if (begin + i < end)
        {
            onTheirWay[i] = Step<Format>::load(outputs, begin + i, t);
        }
    }

    awaitPrevious();
    if (!anyRow(product.positions, firstRow, product.rows, 16))
    {
        return;
    }

    // Of a tile's columns behind the last row nothing is kept; they repeat that row.
    const u64 stride = activationBytes(product.k);
    const bool many = product.rows - firstRow > 8;
    const unsigned char* x = product.x + lesser(firstRow + g, product.rows - 1) * stride + 16 * t;
    const unsigned char* further = product.x + lesser(firstRow + 8 + g, product.rows - 1) * stride + 16 * t;

    // Each thread finishes one output of a row; of a pair, half of them do.
    const int local = thread % PerTile, localRow = thread / PerTile, row = firstRow + localRow;
    const bool thereIs = localRow < 16 && row < product.rows && product.positions[row] >= 0;
    for (int side = 0; output < n; side ^= 1)
    {
        const int nextOutput = Matrices::GoesOn ? output + PerTile * gridBlocks() : n;
        const Outputs<Format> nextOutputs = Matrices::GoesOn ? Matrices::template outputs<Format>(matrices, product, nextOutput, g) : outputs;
        Sums sums[2] = {};
        for (int first = begin; first < end; first += Ahead)
        {
            const bool last = first + Ahead >= end;
#pragma unroll
            for (int i = 0; i < Ahead; i++)
            {
                const int step = first + i;
                if (step < end)
                {
#pragma unroll
                    for (int block = 0; block < StepBlocks; block++)
                    {
                        const Weights<Format> weights = Weights<Format>::of(onTheirWay[i], block);
                        const int at = (step * StepBlocks + block) * BlockBytes;
                        if (many)
                        {
                            const Activations both[2] = {Activations::load(x + at), Activations::load(further + at)};
                            Weights<Format>::multiply(weights, both, sums);
                        }
                        else
                        {
                            const Activations one[1] = {Activations::load(x + at)};
                            Weights<Format>::multiply(weights, one, (Sums(&)[1])sums);
                        }
                    }
                }

                // The next tile's first weights come while this one's last are multiplied.
                const int later = last ? begin + i : step + Ahead;
                if (later < end && (!last || nextOutput < n))
                {
                    onTheirWay[i] = Step<Format>::load(last ? nextOutputs : outputs, later, t);
                }
            }
        }

#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            partial[side][slice][8 * (i >> 2) + 2 * t + (i & 1)][g + 8 * (i >> 1 & 1)] = Sums::total(sums[i >> 2], i & 3);
        }

        const bool there = thereIs && output + local < n;
        const float before = finish.before(output + local, row, there);
        syncBlock();
        float first = 0, second = 0;
        if (localRow < 16)
        {
#pragma unroll
            for (int other = 0; other < Slices; other++)
            {
                const float(&of)[16] = partial[side][other][localRow];
                first = other == 0 ? of[local] : first + of[local];
                second = other == 0 ? of[local + 16 - PerTile] : second + of[local + 16 - PerTile];
            }
        }

        finish(first, second, before, output + local, row, there);
        outputs = nextOutputs;
        output = nextOutput;
    }
}

/// The products of 64 outputs with up to 64 rows: each of a block's 8 warps takes 16 outputs and 32 rows. Activations come to shared memory two blocks at a time, and two ahead.
template <class Format, class Matrices, class Finish>
DEVICE void multiplyTiles(const Product& product, const Matrices& matrices, const Finish& finish)
{
    enum { Ahead = 2, StepBlocks = Format::Step / BlockInputs, WarpOutputs = Matrices::PerTile };
    __shared__ uint4 staged[2][2][3][64][4]; // two stages of two blocks

    const int thread = threadIdx.x, lane = thread & 31, warp = thread >> 5, g = lane >> 2, t = lane & 3;
    const int firstOutput = WarpOutputs * (4 * blockIdx.x + (warp & 3)), firstRow = 64 * blockIdx.y, warpRow = 32 * (warp >> 2);
    const int steps = ceilDiv(product.k, Format::Step), perSlice = ceilDiv(steps, Slices), blocks = steps * StepBlocks;
    releaseNext();
    const Outputs<Format> outputs = Matrices::template outputs<Format>(matrices, product, firstOutput, g);
    Step<Format> onTheirWay[Ahead];
#pragma unroll
    for (int i = 0; i < Ahead; i++)
    {
        if (i < steps)
        {
            onTheirWay[i] = Step<Format>::load(outputs, i, t);
        }
    }

    awaitPrevious();
    if (!anyRow(product.positions, firstRow, product.rows, 64))
    {
        return;
    }

    // Each thread copies a part's 16 bytes of one row; rows behind the last repeat it.
    const unsigned char* source = product.x + lesser(firstRow + (thread >> 2), product.rows - 1) * activationBytes(product.k) + 16 * (thread & 3);
    const auto stage = [&](int first)
    {
#pragma unroll
        for (int i = 0; i < 6; i++)
        {
            const int block = first + i / 3, part = i % 3;
            if (block < blocks)
            {
                copyAsync(&staged[first >> 1 & 1][i / 3][part][thread >> 2][thread & 3], source + (u64)block * BlockBytes + part * PartBytes);
            }
        }

        commitCopies();
    };

    const bool any = firstRow + warpRow < product.rows;
    float totals[4][4] = {};
    Sums sums[4] = {};
    stage(0);
    for (int first = 0; first < steps; first += Ahead)
    {
#pragma unroll
        for (int i = 0; i < Ahead; i++)
        {
            const int step = first + i;
            if (step < steps)
            {
#pragma unroll
                for (int block = 0; block < StepBlocks; block++)
                {
                    const int index = step * StepBlocks + block, second = (i * StepBlocks + block) & 1;
                    if (!second)
                    {
                        // Behind the barrier the two blocks' activations are there, and nobody reads the stage any more that the next copies go to.
                        awaitCopies<0>();
                        syncBlock();
                        stage(index + 2);
                    }

                    if (any)
                    {
                        const Weights<Format> weights = Weights<Format>::of(onTheirWay[i], block);
                        const uint4(&x)[3][64][4] = staged[index >> 1 & 1][second];
                        Activations activations[4];
#pragma unroll
                        for (int tile = 0; tile < 4; tile++)
                        {
                            const int row = warpRow + 8 * tile + g;
                            activations[tile] = Activations::of(x[0][row][t], x[1][row][t], x[2][row][t]);
                        }

                        Weights<Format>::multiply(weights, activations, sums);
                    }
                }

                if (step + Ahead < steps)
                {
                    onTheirWay[i] = Step<Format>::load(outputs, step + Ahead, t);
                }

                if ((step + 1) % perSlice == 0 || step + 1 == steps)
                {
#pragma unroll
                    for (int j = 0; j < 16; j++)
                    {
                        totals[j >> 2][j & 3] += Sums::total(sums[j >> 2], j & 3);
                        sums[j >> 2].halves[0][j & 3] = sums[j >> 2].halves[1][j & 3] = 0;
                    }
                }
            }
        }
    }

#pragma unroll
    for (int i = 0; i < WarpOutputs; i++)
    {
        // Of a pair, the lane that has the first one's sum has the second one's two further on.
        const int tile = WarpOutputs == 16 ? i >> 2 : i >> 1, j = WarpOutputs == 16 ? i & 3 : i & 1;
        const int output = firstOutput + g + 8 * (j >> 1), row = firstRow + warpRow + 8 * tile + 2 * t + (j & 1);
        const bool there = output < product.n && row < product.rows && product.positions[row] >= 0;
        finish(totals[tile][j], totals[tile][j | 2], finish.before(output, row, there), output, row, there);
    }
}
