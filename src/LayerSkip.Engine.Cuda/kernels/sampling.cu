// Sampling on the device. Sums of probabilities are of whole numbers (of 2^-52), so that no order of adding changes them.
#include "device.h"

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

    syncBlock();
    parts[threadIdx.x >> 5] = value;
    syncBlock();
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

    syncBlock();
    parts[threadIdx.x >> 5] = value;
    syncBlock();
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
    syncBlock();
    parts[threadIdx.x >> 5] = value;
    syncBlock();
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
        syncBlock();
        histogram[threadIdx.x] = 0;
        syncBlock();
        for (int id = threadIdx.x; id < n; id += Threads)
        {
            const u64 key = likelihoodKey(row[id], id), weight = Counting ? (row[id] > 0 ? 1 : 0) : fixedPoint(row[id]);
            if (weight > 0 && key >= floor && (shift == 56 || key >> (shift + 8) == prefix))
            {
                atomicAdd(&histogram[key >> shift & 0xff], weight);
            }
        }

        syncBlock();
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

        syncBlock();
        prefix = chosen[0];
        target = chosen[1];
    }

    return prefix;
}

/// What a request asks of its draws; in device memory, so that a captured graph serves all requests.
struct Sampling
{
    u64 seed;
    float inverseTemperature;
    int topK;
    float topP, minP;
};

KERNEL(256) distribution(float* p, int* valid, const int* positions, const Sampling* sampling, int rows, int n, int ldp)
{
    releaseNext();
    awaitPrevious();
    if (positions[blockIdx.x] < 0)
    {
        return;
    }

    const float inverseTemperature = sampling->inverseTemperature, topP = sampling->topP, minP = sampling->minP;
    const int topK = sampling->topK;
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

    syncBlock();
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

    syncBlock();
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

    syncBlock();
    if (minP > 0)
    {
        const float least = minP * row[best];
        syncBlock();
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

/// The finalizer of SplitMix64 (Steele, Lea and Flood).
DEVICE u64 mix(u64 z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/// The token that a row draws after its position: each arrives after a time that is exponentially distributed with its probability as the rate, and the first is drawn.
/// The times depend on seed, position and token alone, as in the engine's ExponentialRace: draft and full model draw alike, and are compared like greedy choices.
KERNEL(256) race(u64* best, float* likelihoods, const float* p, const int* valid, const int* positions, const Sampling* sampling, int rows, int n, int ldp)
{
    releaseNext();
    awaitPrevious();
    const int row = blockIdx.x;
    if (positions[row] < 0)
    {
        return;
    }

    const u64 step = 0x9e3779b97f4a7c15ull;
    const u64 key = mix(mix(sampling->seed + step) + (u64)(u32)(positions[row] + 1) * 0xd1b54a32d192ed03ull);
    double first = 0;
    int winner = -1;
    for (int token = threadIdx.x; token < n; token += Threads)
    {
        const double weight = p[(u64)row * ldp + token];
        if (!(weight > 0))
        {
            continue;
        }

        // In (0, 1], 53 bits. Since -ln u >= 1 - u, few tokens need the logarithm.
        const double uniform = (double)((mix(key + (u64)(u32)token * step) >> 11) + 1) * (1.0 / 9007199254740992.0);
        if (winner < 0 || 1 - uniform < first * weight)
        {
            const double time = -logarithm(uniform) / weight;
            if (winner < 0 || time < first)
            {
                winner = token;
                first = time;
            }
        }
    }

    // Times that are not negative sort like their bits.
    const u64 time = winner < 0 ? ~0ull : __builtin_bit_cast(u64, first + 0.0);
    const u64 earliest = ~blockMax(~time);
    const u64 lowest = blockMax(winner >= 0 && time == earliest ? (u64)(u32)~winner : 0);
    if (threadIdx.x == 0)
    {
        const int drawn = valid[row] && lowest != 0 ? (int)~(u32)lowest : -1;
        best[row] = drawn < 0 ? 0 : choiceKey(0.0f, drawn);
        likelihoods[row] = drawn < 0 ? 0.0f : p[(u64)row * ldp + drawn];
    }
}

/// The most likely token of a row, and how likely it is at temperature 1: among all n, or among those of two lists {count, id, ...}.
KERNEL(256) guess(u64* best, float* likelihoods, const float* logits, const int* positions, const int* ids, const int* own, int rows, int n, int ldl)
{
    releaseNext();
    awaitPrevious();
    if (positions[blockIdx.x] < 0)
    {
        return;
    }

    const float* row = logits + (u64)blockIdx.x * ldl;
    const int declared = ids ? ids[0] : n, count = ids ? declared + own[0] : n;
    u64 key = 0;
    for (int i = threadIdx.x; i < count; i += Threads)
    {
        const int id = !ids ? i : i < declared ? ids[1 + i] : own[1 + i - declared];
        const u64 other = choiceKey(row[id], id);
        key = other > key ? other : key;
    }

    key = blockMax(key);
    const float greatest = key == 0 ? 0.0f : row[tokenOf(key)];
    float sum = 0;
    for (int i = threadIdx.x; i < count; i += Threads)
    {
        const int id = !ids ? i : i < declared ? ids[1 + i] : own[1 + i - declared];
        const float weight = exponential(row[id] - greatest);
        sum += weight == weight ? weight : 0.0f;
    }

    sum = blockSum(sum);
    if (threadIdx.x == 0)
    {
        best[blockIdx.x] = key;
        likelihoods[blockIdx.x] = key == 0 ? 0.0f : 1.0f / greater(sum, 1.0f);
    }
}
