// Attention over the paged cache. A span of 64 positions is summed from its own greatest score on (as in flash attention), and a query's spans are merged in their
// order: by a second kernel while decoding, where each span has its block, and in registers in prefill, where a block walks through all of them. Both do the same
// arithmetic, which depends on the query and its positions alone.
#include "activations.h"

enum { PagePositions = 32, SpanPositions = 64, Warps = 8 };

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

/// Turns the queries in place; writes turned keys, and values, to the cache. A block has one head of a row: of queries, keys or values.
KERNEL(64) rope_append(
    float* qkv, const float* angles, const int* positions, const u64* tables, int rows, int heads, int kvHeads, int headDim, int layer)
{
    releaseNext();
    awaitPrevious();
    const int head = blockIdx.x, row = blockIdx.y, position = positions[row], half = headDim / 2, stride = Shape::stride(headDim);
    if (position < 0)
    {
        return;
    }

    float* source = qkv + (u64)row * padded((heads + 2 * kvHeads) * headDim) + head * headDim;
    float* target = source;
    if (head >= heads)
    {
        const int kvHead = (head - heads) % kvHeads;
        const bool values = head >= heads + kvHeads;
        const u64 page = ((const u64*)tables[row])[position / PagePositions];
        target = Shape::keys(Shape{kvHeads, headDim, layer}, page, kvHead) + ((values ? PagePositions : 0) + position % PagePositions) * stride;
        for (int i = headDim + threadIdx.x; i < stride; i += 64)
        {
            target[i] = 0;
        }

        if (values)
        {
            for (int i = threadIdx.x; i < headDim; i += 64)
            {
                target[i] = source[i];
            }

            return;
        }
    }

    const float* cosines = angles + (u64)row * headDim;
    for (int plane = threadIdx.x; plane < half; plane += 64)
    {
        const float a = source[plane], b = source[half + plane], cosine = cosines[plane], sine = cosines[half + plane];
        target[plane] = a * cosine - b * sine;
        target[half + plane] = b * cosine + a * sine;
    }
}

/// What brings sums of two greatest scores to the greater one, which is returned: one of the factors is 1.
DEVICE float factors(float greatest, float later, float& a, float& b)
{
    const bool grows = later > greatest;
    const float factor = exponential(grows ? greatest - later : later - greatest);
    a = grows ? factor : 1.0f;
    b = grows ? 1.0f : factor;
    return grows ? later : greatest;
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
        float a, b;
        sum.greatest = factors(sum.greatest, later.greatest, a, b);
        sum.weight = fused(sum.weight, a, later.weight * b);
#pragma unroll
        for (int i = 0; i < Lanes; i++)
        {
            sum.values[i] = fused(sum.values[i], a, later.values[i] * b);
        }
    }
};

/// Adds values times their weights, one after the other.
template <int Lanes, int Count>
DEVICE void addValues(Sum<Lanes>& sum, const float* weights, const float (&values)[Count][Lanes])
{
#pragma unroll
    for (int k = 0; k < Count; k++)
    {
#pragma unroll
        for (int j = 0; j < Lanes; j++)
        {
            sum.values[j] = fused(weights[k], values[k][j], sum.values[j]);
        }
    }
}

/// One block's part of a pass: its queries are those of some rows, and of query heads that share a key/value head. Each of 8 warps has every eighth query.
template <int Lanes>
struct Block
{
    enum
    {
        Dimension = 32 * Lanes,
        PerWarp = Lanes == 8 ? 1 : 2,
        Queries = Warps * PerWarp,
        Keys = Lanes == 8 ? 16 : 32, // staged at once
        Stride = Dimension + 4,      // neighbouring keys begin in different banks
        Vectors = Keys * Dimension / 4 / (32 * Warps), // of a thread, when keys or values are staged
        Together = Lanes == 2 ? 8 : 4, // keys whose values are read before the first is needed
    };
};

/// Keys and values on their way to shared memory: a thread's share.
template <int Lanes>
struct Staged
{
    typedef Block<Lanes> B;
    float4 keys[B::Vectors], values[B::Vectors];

    DEVICE int key(int i) { return ((int)threadIdx.x + 32 * Warps * i) / (B::Dimension / 4); }
    DEVICE int element(int i) { return 4 * (((int)threadIdx.x + 32 * Warps * i) % (B::Dimension / 4)); }

    DEVICE void load(Staged& staged, const float* keys, int stride)
    {
#pragma unroll
        for (int i = 0; i < B::Vectors; i++)
        {
            if (element(i) < stride)
            {
                staged.keys[i] = *(const float4*)(keys + key(i) * stride + element(i));
                staged.values[i] = *(const float4*)(keys + (PagePositions + key(i)) * stride + element(i));
            }
        }
    }

    DEVICE void store(const Staged& staged, float (&target)[2][B::Keys][B::Stride], int stride)
    {
#pragma unroll
        for (int i = 0; i < B::Vectors; i++)
        {
            if (element(i) < stride)
            {
                *(float4*)&target[0][key(i)][element(i)] = staged.keys[i];
                *(float4*)&target[1][key(i)][element(i)] = staged.values[i];
            }
        }
    }
};

/// Rows whose queries, of heads that share a key/value head, a block has room for.
template <int Lanes>
DEVICE int blockRows(int heads, int kvHeads) { return Block<Lanes>::Queries / lesser(heads / kvHeads, Block<Lanes>::Queries); }

/// Runs a block's queries over their positions, a span or all of them, and gives each query's sum to finish(row, head, span, sum).
template <int Lanes, bool AllSpans, class Finish>
DEVICE void attend(
    const float* qkv, const int* positions, const u64* tables, int rows, int heads, const Shape& shape, int group, int firstRow, int rowsHere, int onlySpan,
    float scale, Finish finish)
{
    typedef Block<Lanes> B;
    enum { Early = !AllSpans || Lanes != 4 }; // whether the next keys are under way while these are used: where registers suffice
    alignas(16) __shared__ float staged[2][B::Keys][B::Stride];
    alignas(16) __shared__ float queries[B::Queries][B::Dimension];
    alignas(16) __shared__ float weights[B::Queries][B::Keys];

    releaseNext();
    awaitPrevious();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const int headDim = shape.headDim, stride = Shape::stride(headDim);
    const int perHead = heads / shape.kvHeads, perRow = lesser(perHead, B::Queries);
    const int queryTiles = ceilDiv(perHead, B::Queries), kvHead = group / queryTiles, firstHead = kvHead * perHead + group % queryTiles * B::Queries;
    const int headsHere = lesser(perRow, (kvHead + 1) * perHead - firstHead);
    const int endRow = lesser(firstRow + rowsHere, rows);

    int row[B::PerWarp], head[B::PerWarp];
#pragma unroll
    for (int i = 0; i < B::PerWarp; i++)
    {
        const int query = warp + Warps * i, local = query / perRow;
        head[i] = firstHead + query - local * perRow;
        row[i] = firstRow + local < endRow && head[i] < firstHead + headsHere ? firstRow + local : -1;
#pragma unroll
        for (int j = 0; j < Lanes; j++)
        {
            const int element = 32 * j + lane;
            queries[query][element] =
                row[i] >= 0 && element < headDim ? qkv[(u64)row[i] * padded((heads + 2 * shape.kvHeads) * headDim) + head[i] * headDim + element] : 0.0f;
        }
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

        const int firstPosition = AllSpans ? 0 : onlySpan * SpanPositions;
        const int endPosition = AllSpans ? lastPosition + 1 : lesser(firstPosition + SpanPositions, lastPosition + 1);
        const auto keysAt = [&](int start) { return Shape::keys(shape, ((const u64*)table)[start / PagePositions], kvHead) + start % PagePositions * stride; };
        int position[B::PerWarp];
        Sum<Lanes> total[B::PerWarp], ofSpan[B::PerWarp];
        Sum<Lanes>(&sum)[B::PerWarp] = AllSpans ? ofSpan : total;
#pragma unroll
        for (int i = 0; i < B::PerWarp; i++)
        {
            position[i] = row[i] >= first && row[i] < end ? positions[row[i]] : -1;
        }

        Staged<Lanes> next;
        if (Early && firstPosition < endPosition)
        {
            Staged<Lanes>::load(next, keysAt(firstPosition), stride);
        }

        for (int start = firstPosition; start < endPosition; start += B::Keys)
        {
            if (start % SpanPositions == 0)
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
            }

            if (!Early)
            {
                Staged<Lanes>::load(next, keysAt(start), stride);
            }

            syncBlock();
            Staged<Lanes>::store(next, staged, stride);
            syncBlock();
            if (Early && start + B::Keys < endPosition)
            {
                Staged<Lanes>::load(next, keysAt(start + B::Keys), stride);
            }

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
            for (int key = 0; key < most; key += B::Together)
            {
                float value[B::Together][Lanes];
#pragma unroll
                for (int k = 0; k < B::Together; k++)
                {
#pragma unroll
                    for (int j = 0; j < Lanes; j++)
                    {
                        value[k][j] = staged[1][key + k][32 * j + lane];
                    }
                }

#pragma unroll
                for (int i = 0; i < B::PerWarp; i++)
                {
                    const float* of = &weights[warp + Warps * i][key];
                    if (key + B::Together <= count[i])
                    {
                        addValues<Lanes, B::Together>(sum[i], of, value);
                    }
                    else
                    {
#pragma unroll
                        for (int k = 0; k < B::Together; k++)
                        {
                            if (key + k < count[i])
                            {
                                addValues<Lanes, 1>(sum[i], of + k, (float(&)[1][Lanes])value[k]);
                            }
                        }
                    }
                }
            }

            if (AllSpans && ((start + B::Keys) % SpanPositions == 0 || start + B::Keys >= endPosition))
            {
#pragma unroll
                for (int i = 0; i < B::PerWarp; i++)
                {
                    if (start / SpanPositions * SpanPositions <= position[i])
                    {
                        if (start >= SpanPositions)
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
        }

#pragma unroll
        for (int i = 0; i < B::PerWarp; i++)
        {
            if (firstPosition <= position[i])
            {
                finish(row[i], head[i], total[i]);
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
    unsigned char* out;
    int heads, headDim;

    __device__ void operator()(int row, int head, const Sum<Lanes>& sum) const
    {
        const int lane = threadIdx.x & 31;
        unsigned char* target = out + row * activationBytes(heads * headDim);
#pragma unroll
        for (int i = 0; i < Lanes; i++)
        {
            if (32 * i + lane < headDim)
            {
                storeActivation(target, head * headDim + 32 * i + lane, sum.values[i] / sum.weight);
            }
        }
    }
};

#define ATTENTION(suffix, Lanes)                                                                                                                             \
    KERNEL(256) attention_split_##suffix(float* partial, const float* qkv, const int* positions, const u64* tables, int rows, int heads, int kvHeads,        \
                                         int headDim, int layer, int spans, float scale)                                                                     \
    {                                                                                                                                                        \
        const int span = blockIdx.x, rowsHere = ceilDiv(rows, gridLayers());                                                                                 \
        attend<Lanes, false>(qkv, positions, tables, rows, heads, Shape{kvHeads, headDim, layer}, blockIdx.y, rowsHere * blockIdx.z, rowsHere, span, scale,  \
                             WritePartial<Lanes>{partial, heads, spans, span, headDim});                                                                     \
    }                                                                                                                                                        \
                                                                                                                                                             \
    KERNEL(256) attention_tiles_##suffix(unsigned char* out, const float* qkv, const int* positions, const u64* tables, int rows, int heads, int kvHeads,    \
                                         int headDim, int layer, float scale)                                                                                \
    {                                                                                                                                                        \
        const int rowsHere = blockRows<Lanes>(heads, kvHeads);                                                                                               \
        attend<Lanes, true>(qkv, positions, tables, rows, heads, Shape{kvHeads, headDim, layer}, blockIdx.x, rowsHere * blockIdx.y, rowsHere, 0, scale,      \
                            WriteOutput<Lanes>{out, heads, headDim});                                                                                        \
    }

ATTENTION(d64, 2)
ATTENTION(d128, 4)
ATTENTION(d256, 8)

/// Adds the spans of a head in their order, as attention in tiles does. What that order gives each span's factors is found for 64 spans at once: a greatest score is
/// the same in whichever order it is found.
KERNEL(64) attention_merge(unsigned char* out, const float* partial, const int* positions, int rows, int heads, int headDim, int spans)
{
    __shared__ float greatest[64], before[64], after[64], weights[64];
    releaseNext();
    awaitPrevious();
    const int head = blockIdx.x, row = blockIdx.y, thread = threadIdx.x, position = positions[row], stride = Shape::stride(headDim) + 4;
    if (position < 0)
    {
        return;
    }

    const int count = position / SpanPositions + 1;
    const float* source = partial + ((u64)row * heads + head) * spans * stride;
    float values[4] = {-0.0f, -0.0f, -0.0f, -0.0f}, weight = 0, last = 0; // of elements thread, thread + 64, ...; -0 adds nothing to whatever it is
    for (int first = 0; first < count; first += 64, source += 64 * stride)
    {
        const int here = lesser(64, count - first);
        syncBlock();
        const float own = thread < here ? source[thread * stride] : -infinity();
        greatest[thread] = own;
        weights[thread] = thread < here ? source[thread * stride + 1] : 0.0f;
        for (int distance = 1; distance < here; distance *= 2)
        {
            syncBlock();
            const float upTo = thread >= distance ? greater(greatest[thread - distance], greatest[thread]) : greatest[thread];
            syncBlock();
            greatest[thread] = upTo;
        }

        syncBlock();
        const float earlier = thread == 0 ? last : first == 0 ? greatest[thread - 1] : greater(last, greatest[thread - 1]);
        if (first + thread == 0)
        {
            before[thread] = 0;
            after[thread] = 1;
        }
        else
        {
            factors(earlier, own, before[thread], after[thread]);
        }

        last = first == 0 ? greatest[here - 1] : greater(last, greatest[here - 1]);
        syncBlock();
#pragma unroll 4
        for (int span = 0; span < here; span++)
        {
            weight = fused(weight, before[span], weights[span] * after[span]);
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                if (thread + 64 * i < headDim)
                {
                    values[i] = fused(values[i], before[span], source[span * stride + 4 + thread + 64 * i] * after[span]);
                }
            }
        }
    }

    unsigned char* target = out + row * activationBytes(heads * headDim);
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        if (thread + 64 * i < headDim)
        {
            storeActivation(target, head * headDim + thread + 64 * i, values[i] / weight);
        }
    }
}
