// Attention over the paged cache. A span of 64 positions is summed from its own greatest score on (as in flash attention), and a query's spans are merged in their
// order: by a second kernel while decoding, where each span has its block, and in registers in prefill, where a block walks through all of them. Both do the same
// arithmetic, which depends on the query and its positions alone.
#include "device.h"

enum { PagePositions = 32, SpanPositions = 64, Warps = 4 };

/// The shape of a cache's pages.
struct Shape
{
    int kvHeads, headDim, layer;

    /// Floats of a key or a value.
    DEVICE int stride(int headDim) { return (headDim + 3) & ~3; }

    /// Where the keys of a page, of this layer and a head, begin; the values follow.
    DEVICE float* keys(const Shape& shape, u64 page, int head)
    {
        return (float*)page + (u64)(shape.layer * shape.kvHeads + head) * 2 * PagePositions * stride(shape.headDim);
    }
};

/// Turns the queries in place; writes turned keys, and values, to the cache.
KERNEL(128) rope_append(
    float* qkv, const float* angles, const int* positions, const u64* tables, int rows, int heads, int kvHeads, int headDim, int layer)
{
    const int row = blockIdx.x, position = positions[row], half = headDim / 2, stride = Shape::stride(headDim);
    if (position < 0)
    {
        return;
    }

    float* source = qkv + (u64)row * padded((heads + 2 * kvHeads) * headDim);
    const float* cosines = angles + (u64)row * headDim;
    const Shape shape = {kvHeads, headDim, layer};
    const u64 page = ((const u64*)tables[row])[position / PagePositions];
    const int slot = position % PagePositions * stride;
    for (int i = threadIdx.x; i < (heads + kvHeads) * half; i += 128)
    {
        const int head = i / half, plane = i % half;
        float* pair = source + head * headDim + plane;
        const float a = pair[0], b = pair[half], cosine = cosines[plane], sine = cosines[half + plane];
        float* target = head < heads ? pair : Shape::keys(shape, page, head - heads) + slot + plane;
        target[0] = a * cosine - b * sine;
        target[half] = b * cosine + a * sine;
    }

    for (int i = threadIdx.x; i < kvHeads * stride; i += 128)
    {
        const int head = i / stride, element = i % stride;
        float* keys = Shape::keys(shape, page, head) + slot;
        const bool pad = element >= headDim;
        keys[PagePositions * stride + element] = pad ? 0.0f : source[(heads + kvHeads + head) * headDim + element];
        if (pad)
        {
            keys[element] = 0;
        }
    }
}

/// A softmax-weighted sum in the making: the greatest score, the sum of e^(score - greatest), and the values weighted with the same.
template <int Lanes>
struct Sum
{
    float greatest, weight;
    float values[Lanes]; // of elements lane, lane + 32, ...

    /// Adds the sum over later positions.
    DEVICE void add(Sum& sum, const Sum& later)
    {
        const float greatest = greater(sum.greatest, later.greatest);
        const float a = exponential(sum.greatest - greatest), b = exponential(later.greatest - greatest);
        sum.greatest = greatest;
        sum.weight = fused(sum.weight, a, later.weight * b);
#pragma unroll
        for (int i = 0; i < Lanes; i++)
        {
            sum.values[i] = fused(sum.values[i], a, later.values[i] * b);
        }
    }
};

/// One block's part of a pass: its queries are those of some rows, and of query heads that share a key/value head. Each of 4 warps has every fourth query.
template <int Lanes>
struct Block
{
    enum
    {
        Dimension = 32 * Lanes,
        PerWarp = Lanes == 8 ? 2 : 4,
        Queries = Warps * PerWarp,
        Keys = Lanes == 8 ? 16 : 32, // staged at once
        Stride = Dimension + 4,      // neighbouring keys begin in different banks
    };
};

/// Runs a block's queries over their positions, a span or all of them, and gives each query's sum to finish(row, head, span, sum).
template <int Lanes, bool AllSpans, class Finish>
DEVICE void attend(
    const float* qkv, const int* positions, const u64* tables, int rows, int heads, const Shape& shape, int group, int firstBlockRow, int onlySpan, float scale,
    Finish finish)
{
    typedef Block<Lanes> B;
    alignas(16) __shared__ float staged[2][B::Keys][B::Stride];
    alignas(16) __shared__ float queries[B::Queries][B::Dimension];
    __shared__ float weights[B::Queries][B::Keys];

    const int thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
    const int headDim = shape.headDim, stride = Shape::stride(headDim);
    const int perHead = heads / shape.kvHeads, perRow = lesser(perHead, B::Queries), rowsHere = B::Queries / perRow;
    const int queryTiles = ceilDiv(perHead, B::Queries), kvHead = group / queryTiles, firstHead = kvHead * perHead + group % queryTiles * B::Queries;
    const int headsHere = lesser(perRow, (kvHead + 1) * perHead - firstHead);
    const int firstRow = firstBlockRow * rowsHere, endRow = lesser(firstRow + rowsHere, rows);

    for (int i = thread; i < B::Queries * B::Dimension; i += 32 * Warps)
    {
        const int query = i / B::Dimension, element = i % B::Dimension, row = firstRow + query / perRow, head = query % perRow;
        const bool there = row < endRow && head < headsHere && element < headDim;
        queries[query][element] = there ? qkv[(u64)row * padded((heads + 2 * shape.kvHeads) * headDim) + (firstHead + head) * headDim + element] : 0.0f;
    }

    // Rows of one sequence that stand together share the reading of its cache.
    for (int first = firstRow, end; first < endRow; first = end)
    {
        const u64 table = tables[first];
        int lastPosition = -1;
        for (end = first; end < endRow && tables[end] == table; end++)
        {
            lastPosition = positions[end] > lastPosition ? positions[end] : lastPosition;
        }

        int position[B::PerWarp];
        Sum<Lanes> total[B::PerWarp], ofSpan[B::PerWarp];
        Sum<Lanes>(&sum)[B::PerWarp] = AllSpans ? ofSpan : total;
#pragma unroll
        for (int i = 0; i < B::PerWarp; i++)
        {
            const int query = warp + Warps * i, row = firstRow + query / perRow;
            position[i] = row >= first && row < end && query % perRow < headsHere ? positions[row] : -1;
        }

        const int firstSpan = AllSpans ? 0 : onlySpan;
        for (int span = firstSpan; span * SpanPositions <= lastPosition && (AllSpans || span == firstSpan); span++)
        {
#pragma unroll
            for (int i = 0; i < B::PerWarp; i++)
            {
                sum[i].greatest = -infinity();
                sum[i].weight = 0;
#pragma unroll
                for (int j = 0; j < Lanes; j++)
                {
                    sum[i].values[j] = 0;
                }
            }

            for (int start = span * SpanPositions; start < (span + 1) * SpanPositions && start <= lastPosition; start += B::Keys)
            {
                syncBlock();
                const float* keys = Shape::keys(shape, ((const u64*)table)[start / PagePositions], kvHead) + start % PagePositions * stride;
                for (int i = thread; i < B::Keys * (stride / 4); i += 32 * Warps)
                {
                    const int key = i / (stride / 4), element = 4 * (i % (stride / 4));
                    *(float4*)&staged[0][key][element] = *(const float4*)(keys + key * stride + element);
                    *(float4*)&staged[1][key][element] = *(const float4*)(keys + (PagePositions + key) * stride + element);
                }

                syncBlock();
                int count[B::PerWarp], most = 0;
#pragma unroll
                for (int i = 0; i < B::PerWarp; i++)
                {
                    const int query = warp + Warps * i;
                    count[i] = lesser(position[i] - start + 1, B::Keys);
                    most = count[i] > most ? count[i] : most;
                    if (count[i] > 0)
                    {
                        // Lane and key are one: each lane has a key's score.
                        const float* key = staged[0][lane % B::Keys];
                        float a = 0, b = 0, c = 0, d = 0;
#pragma unroll 4
                        for (int element = 0; element < stride; element += 4)
                        {
                            const float4 q = *(const float4*)&queries[query][element], v = *(const float4*)(key + element);
                            a = fused(q.x, v.x, a);
                            b = fused(q.y, v.y, b);
                            c = fused(q.z, v.z, c);
                            d = fused(q.w, v.w, d);
                        }

                        const float score = lane < count[i] ? ((a + b) + (c + d)) * scale : -infinity();
                        const float greatest = greater(sum[i].greatest, warpMax(score));
                        const float rescale = exponential(sum[i].greatest - greatest);
                        const float weight = lane < count[i] ? exponential(score - greatest) : 0.0f;
                        if (lane < B::Keys)
                        {
                            weights[query][lane] = weight;
                        }

                        sum[i].greatest = greatest;
                        sum[i].weight = fused(sum[i].weight, rescale, warpSum(weight));
#pragma unroll
                        for (int j = 0; j < Lanes; j++)
                        {
                            sum[i].values[j] *= rescale;
                        }
                    }
                }

                syncWarp();
                for (int key = 0; key < most; key++)
                {
                    float value[Lanes];
#pragma unroll
                    for (int j = 0; j < Lanes; j++)
                    {
                        value[j] = staged[1][key][32 * j + lane];
                    }

#pragma unroll
                    for (int i = 0; i < B::PerWarp; i++)
                    {
                        if (key < count[i])
                        {
                            const float weight = weights[warp + Warps * i][key];
#pragma unroll
                            for (int j = 0; j < Lanes; j++)
                            {
                                sum[i].values[j] = fused(weight, value[j], sum[i].values[j]);
                            }
                        }
                    }
                }
            }

#pragma unroll
            for (int i = 0; i < B::PerWarp; i++)
            {
                if (AllSpans && span * SpanPositions <= position[i])
                {
                    if (span > 0)
                    {
                        Sum<Lanes>::add(total[i], sum[i]);
                    }
                    else
                    {
                        total[i] = sum[i];
                    }
                }
            }
        }

#pragma unroll
        for (int i = 0; i < B::PerWarp; i++)
        {
            const int query = warp + Warps * i;
            if (firstSpan * SpanPositions <= position[i])
            {
                finish(firstRow + query / perRow, firstHead + query % perRow, total[i]);
            }
        }
    }
}

/// Writes a span's sum: float [rows, heads, spans, stride + 4], the greatest score, the weight, 2 unused, the values.
template <int Lanes>
struct WritePartial
{
    float* partial;
    int heads, spans, span, headDim;

    __device__ void operator()(int row, int head, const Sum<Lanes>& sum) const
    {
        const int lane = threadIdx.x & 31;
        float* target = partial + (((u64)row * heads + head) * spans + span) * (Shape::stride(headDim) + 4);
        if (lane == 0)
        {
            target[0] = sum.greatest;
            target[1] = sum.weight;
        }

#pragma unroll
        for (int i = 0; i < Lanes; i++)
        {
            if (32 * i + lane < headDim)
            {
                target[4 + 32 * i + lane] = sum.values[i];
            }
        }
    }
};

template <int Lanes>
struct WriteOutput
{
    float* out;
    int heads, headDim;

    __device__ void operator()(int row, int head, const Sum<Lanes>& sum) const
    {
        const int lane = threadIdx.x & 31;
        float* target = out + (u64)row * padded(heads * headDim) + head * headDim;
#pragma unroll
        for (int i = 0; i < Lanes; i++)
        {
            if (32 * i + lane < headDim)
            {
                target[32 * i + lane] = sum.values[i] / sum.weight;
            }
        }
    }
};

#define ATTENTION(suffix, Lanes)                                                                                                                       \
    KERNEL(128) attention_split_##suffix(float* partial, const float* qkv, const int* positions, const u64* tables, int rows, int heads, int kvHeads,  \
                                         int headDim, int layer, int spans, float scale)                                                               \
    {                                                                                                                                                  \
        const int span = blockIdx.x;                                                                                                                   \
        attend<Lanes, false>(qkv, positions, tables, rows, heads, Shape{kvHeads, headDim, layer}, blockIdx.y, blockIdx.z, span, scale,                 \
                             WritePartial<Lanes>{partial, heads, spans, span, headDim});                                                               \
    }                                                                                                                                                  \
                                                                                                                                                       \
    KERNEL(128) attention_tiles_##suffix(float* out, const float* qkv, const int* positions, const u64* tables, int rows, int heads, int kvHeads,      \
                                         int headDim, int layer, float scale)                                                                          \
    {                                                                                                                                                  \
        attend<Lanes, true>(qkv, positions, tables, rows, heads, Shape{kvHeads, headDim, layer}, blockIdx.x, blockIdx.y, 0, scale,                     \
                            WriteOutput<Lanes>{out, heads, headDim});                                                                                  \
    }

ATTENTION(d64, 2)
ATTENTION(d128, 4)
ATTENTION(d256, 8)

KERNEL(64) attention_merge(float* out, const float* partial, const int* positions, int rows, int heads, int headDim, int spans)
{
    const int head = blockIdx.x, row = blockIdx.y, position = positions[row], stride = Shape::stride(headDim) + 4;
    if (position < 0)
    {
        return;
    }

    const float* first = partial + ((u64)row * heads + head) * spans * stride;
    for (int i = threadIdx.x; i < headDim; i += 64)
    {
        Sum<1> total = {first[0], first[1], {first[4 + i]}};
        for (int span = 1; span <= position / SpanPositions; span++)
        {
            const float* source = first + span * stride;
            Sum<1>::add(total, Sum<1>{source[0], source[1], {source[4 + i]}});
        }

        out[(u64)row * padded(heads * headDim) + head * headDim + i] = total.values[0] / total.weight;
    }
}
