// Activations as the products take them: each float32 as three bfloat16, which together hold all of its bits. Of 32 neighbouring inputs first the leading parts lie in
// memory, then the second and the third ones, 64 bytes each: lane t of a row takes inputs 8 t .. 8 t + 7 of a part at once.
#pragma once
#include "device.h"

enum { BlockInputs = 32, PartBytes = 64, BlockBytes = 3 * PartBytes };

/// Bytes of a row of k activations, pad included.
DEVICE u64 activationBytes(int k) { return (u64)padded(k) / BlockInputs * BlockBytes; }

/// The upper 8 bits of a float32's 24, which is a bfloat16, and what they leave.
DEVICE u32 upperPart(float& rest)
{
    const u32 bits = bitsOf(rest) & 0xffff0000u;
    rest -= floatOf(bits);
    return bits;
}

/// Splits 8 float32 into Parts bfloat16 each, two to a word: three parts hold a float32 to the last bit, two a float16, one an integer of 8 bits.
template <int Parts>
DEVICE void split(float (&values)[8], u32 (&parts)[Parts][4])
{
#pragma unroll
    for (int part = 0; part < Parts; part++)
    {
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const u32 low = upperPart(values[2 * i]);
            const u32 high = upperPart(values[2 * i + 1]);
            parts[part][i] = low >> 16 | high;
        }
    }
}

DEVICE void storeActivation(unsigned char* row, int input, float value)
{
    u16* target = (u16*)(row + (u64)(input / BlockInputs) * BlockBytes) + input % BlockInputs;
#pragma unroll
    for (int part = 0; part < 3; part++)
    {
        target[part * (PartBytes / 2)] = (u16)(upperPart(value) >> 16);
    }
}

/// 8 neighbouring ones, the first a multiple of 8.
DEVICE void storeActivations(unsigned char* row, int input, float (&values)[8])
{
    u32 parts[3][4];
    split(values, parts);
    unsigned char* target = row + (u64)(input / BlockInputs) * BlockBytes + input % BlockInputs * 2;
#pragma unroll
    for (int part = 0; part < 3; part++)
    {
        *(uint4*)(target + part * PartBytes) = {parts[part][0], parts[part][1], parts[part][2], parts[part][3]};
    }
}
