namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A logit and its token as one number, which kernels compare: kernels/device.h.</summary>
internal static class ChoiceKey
{
    /// <summary>The key of a token whose logit is 1; 0 for none (-1).</summary>
    public static ulong Of(int token) => token < 0 ? 0 : ((BitConverter.SingleToUInt32Bits(1) | 0x8000_0000ul) << 32) | ~(uint)token;

    /// <summary>A key's token; -1: it has none.</summary>
    public static int Token(ulong key) => key == 0 ? -1 : (int)~(uint)key;

    /// <summary>A key's logit.</summary>
    public static float Logit(ulong key)
    {
        var ordered = (uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle((ordered & 0x8000_0000) != 0 ? ordered & 0x7FFF_FFFF : ~ordered);
    }
}
