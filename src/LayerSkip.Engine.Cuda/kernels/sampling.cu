// Sampling by speculation on the device. Sums of probabilities are of whole numbers (of 2^-52), so that no order of adding changes them.
#include "device.h"
#include "rounds.h"

enum { Threads = 256 };

/// A probability, or any weight of 0 .. 2^11, in units of 2^-52.
DEVICE u64 fixedPoint(float weight) { return weight > 0 ? (u64)(weight * 4503599627370496.0f) : 0; }

/// A probability and its token as a number: the likelier, and of equals the lower token, the greater.
DEVICE u64 likelihoodKey(float probability, int token) { return (u64)bitsOf(probability) << 32 | (u32)~token; }

DEVICE u64 shuffleXor(u64 value, int mask) { return (u64)shuffleXor((u32)(value >> 32), mask) << 32 | shuffleXor((u32)value, mask); }

/// Over a block; every thread gets the result.
DEVICE u64 blockSum(u64 value)
{
    __shared__ u64 parts[Threads / 32];
    for (int mask = 16; mask > 0; mask >>= 1)
    {
        value += shuffleXor(value, mask);
    }

    __syncthreads();
    parts[threadIdx.x >> 5] = value;
    __syncthreads();
    value = 0;
    for (int warp = 0; warp < Threads / 32; warp++)
    {
        value += parts[warp];
    }

    return value;
}

DEVICE u64 blockMax(u64 value)
{
    __shared__ u64 parts[Threads / 32];
    for (int mask = 16; mask > 0; mask >>= 1)
    {
        const u64 other = shuffleXor(value, mask);
        value = other > value ? other : value;
    }

    __syncthreads();
    parts[threadIdx.x >> 5] = value;
    __syncthreads();
    for (int warp = 0; warp < Threads / 32; warp++)
    {
        value = parts[warp] > value ? parts[warp] : value;
    }

    return value;
}

DEVICE float blockSum(float value)
{
    __shared__ float parts[Threads / 32];
    value = warpSum(value);
    __syncthreads();
    parts[threadIdx.x >> 5] = value;
    __syncthreads();
    value = 0;
    for (int warp = 0; warp < Threads / 32; warp++)
    {
        value += parts[warp];
    }

    return value;
}

/// The greatest key such that the keys of a row from it on weigh at least target: a token's weight is 1 or its probability. The keys below floor count nothing.
/// The row weighs at least target. It takes the key's bytes from the highest on, each by a histogram.
template <bool Counting>
DEVICE u64 likeliest(const float* row, int n, u64 target, u64 floor)
{
    __shared__ u64 histogram[256];
    __shared__ u64 chosen[2];
    u64 prefix = 0;
    for (int shift = 56; shift >= 0; shift -= 8)
    {
        __syncthreads();
        histogram[threadIdx.x] = 0;
        __syncthreads();
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            const u64 key = likelihoodKey(row[id], id), weight = Counting ? (row[id] > 0 ? 1 : 0) : fixedPoint(row[id]);
            if (weight > 0 && key >= floor && (shift == 56 || key >> (shift + 8) == prefix))
            {
                atomicAdd(&histogram[key >> shift & 0xff], weight);
            }
        }

        __syncthreads();
        if (threadIdx.x == 0)
        {
            int bin = 255;
            u64 above = 0;
            while (bin > 0 && above + histogram[bin] < target)
            {
                above += histogram[bin--];
            }

            chosen[0] = prefix << 8 | (u64)bin;
            chosen[1] = target - above;
        }

        __syncthreads();
        prefix = chosen[0];
        target = chosen[1];
    }

    return prefix;
}

/// The token at share uniform of a row's weight, by the block; -1 where it weighs nothing. Each thread has a stretch of neighbouring tokens.
template <class Weight>
DEVICE int drawToken(Weight weightOf, int n, double uniform)
{
    __shared__ u64 stretches[Threads];
    __shared__ int token;
    const int length = ceilDiv(n, Threads), first = lesser(threadIdx.x * length, n), end = lesser(first + length, n);
    u64 own = 0;
    for (int id = first; id < end; id++)
    {
        own += weightOf(id);
    }

    __syncthreads();
    stretches[threadIdx.x] = own;
    token = -1;
    __syncthreads();
    u64 before = 0, total = 0;
    for (int i = 0; i < Threads; i++)
    {
        before += i < (int)threadIdx.x ? stretches[i] : 0;
        total += stretches[i];
    }

    const u64 rounded = (u64)(uniform * (double)total), target = rounded < total ? rounded : total - 1;
    if (total > 0 && before <= target && target < before + own)
    {
        int id = first;
        for (u64 rest = target - before; rest >= weightOf(id); id++)
        {
            rest -= weightOf(id);
        }

        token = id;
    }

    __syncthreads();
    return token;
}

KERNEL(256) distribution(float* p, int* valid, int rows, int n, int ldp, float inverseTemperature, int topK, float topP, float minP)
{
    float* row = p + (u64)blockIdx.x * ldp;
    u64 key = 0;
    for (int id = threadIdx.x; id < n; id += Threads)
    {
        const u64 other = choiceKey(row[id], id);
        key = other > key ? other : key;
    }

    const int best = tokenOf(blockMax(key));
    const float greatest = best < 0 ? -infinity() : row[best];
    const bool possible = greatest > -infinity();
    if (threadIdx.x == 0)
    {
        valid[blockIdx.x] = possible ? 1 : 0;
    }

    if (!possible)
    {
        return;
    }

    __syncthreads();
    if (inverseTemperature == 0.0f || topK == 1 || greatest == infinity())
    {
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            row[id] = id == best ? 1.0f : 0.0f;
        }

        return;
    }

    float sum = 0;
    for (int id = threadIdx.x; id < n; id += Threads)
    {
        const float weight = exponential((row[id] - greatest) * inverseTemperature);
        row[id] = weight == weight ? weight : 0.0f;
        sum += row[id];
    }

    sum = blockSum(sum);
    for (int id = threadIdx.x; id < n; id += Threads)
    {
        row[id] /= sum;
    }

    __syncthreads();
    if (topK > 0 || topP < 1.0f)
    {
        u64 count = 0, mass = 0;
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            count += row[id] > 0 ? 1 : 0;
        }

        count = blockSum(count);
        u64 floor = topK > 0 && (u64)topK < count ? likeliest<true>(row, n, (u64)topK, 0) : 0;
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            mass += likelihoodKey(row[id], id) >= floor ? fixedPoint(row[id]) : 0;
        }

        mass = blockSum(mass);
        if (topP < 1.0f)
        {
            const u64 target = (u64)((double)topP * (double)mass);
            floor = likeliest<false>(row, n, target > 0 ? target : 1, floor);
        }

        u64 kept = 0;
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            row[id] = likelihoodKey(row[id], id) >= floor ? row[id] : 0.0f;
            kept += fixedPoint(row[id]);
        }

        const double whole = (double)blockSum(kept) / 4503599627370496.0;
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            row[id] = (float)((double)row[id] / whole);
        }
    }

    __syncthreads();
    if (minP > 0)
    {
        const float least = minP * row[best];
        __syncthreads();
        u64 kept = 0;
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            row[id] = row[id] < least ? 0.0f : row[id];
            kept += fixedPoint(row[id]);
        }

        const double whole = (double)blockSum(kept) / 4503599627370496.0;
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            row[id] = (float)((double)row[id] / whole);
        }
    }
}

struct Likelihood
{
    const float* p;

    __device__ u64 operator()(int id) const { return fixedPoint(p[id]); }
};

/// What the full model gives a token beyond what the draft gave it.
struct Excess
{
    const float* q;
    const float* p;

    __device__ u64 operator()(int id) const { return fixedPoint(q[id] - p[id]); }
};

KERNEL(256) draw(u64* best, const float* p, const int* valid, const double* uniforms, int rows, int n, int ldp)
{
    const int row = blockIdx.x, token = drawToken(Likelihood{p + (u64)row * ldp}, n, uniforms[row]);
    if (threadIdx.x == 0)
    {
        best[row] = valid[row] && token >= 0 ? choiceKey(0.0f, token) : 0;
    }
}

/// Accepts a drafted token with probability min(1, q / p), and draws a rejected one's replacement from max(q - p, 0): the output has the distribution q.
KERNEL(256) accept_sampled(
    int* result, int* tokens, int* positions, const float* p, const float* q, const int* valid, const double* uniforms, int slots, int n, int ldp)
{
    const int drafted = countDrafted(tokens, slots);
    int accepted = 0;
    bool possible = true;
    while (accepted < drafted)
    {
        const u64 at = (u64)accepted * ldp + tokens[accepted + 1];
        possible = valid[accepted];
        if (!possible || uniforms[accepted] * (double)p[at] >= (double)q[at])
        {
            break;
        }

        accepted++;
    }

    const bool there = accepted < slots && positions[accepted] >= 0;
    int next = NoRow;
    if (there)
    {
        const float* full = q + (u64)accepted * ldp;
        next = accepted < drafted ? drawToken(Excess{full, p + (u64)accepted * ldp}, n, uniforms[slots])
                                  : drawToken(Likelihood{full}, n, uniforms[slots]);

        // Nothing is left only where p and q differ by rounding, and then the token was as good as accepted.
        next = !possible || !valid[accepted] ? -1 : next < 0 && accepted < drafted ? tokens[accepted + 1] : next;
    }

    __syncthreads();
    if (threadIdx.x == 0)
    {
        endRound(result, tokens, positions, slots, drafted, accepted, next);
    }
}
