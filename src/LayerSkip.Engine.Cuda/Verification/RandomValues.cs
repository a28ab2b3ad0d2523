namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Random arguments of kernels.</summary>
internal static class RandomValues
{
    /// <summary>Numbers within 1 of the middle.</summary>
    public static float[] Floats(this Random random, int count, float middle = 0)
    {
        var values = new float[count];
        foreach (ref var value in values.AsSpan())
        {
            value = middle + (float)((2 * random.NextDouble()) - 1);
        }

        return values;
    }

    /// <summary>A size whose logarithm is evenly distributed: small ones and odd ones are as interesting as large ones.</summary>
    public static int Size(this Random random, int least, int most) => Math.Min(most, (int)(least * Math.Exp(random.NextDouble() * Math.Log((most + 1.0) / least))));

    /// <summary>Positions of rows, some of which are not there (-1).</summary>
    public static int[] Positions(this Random random, int rows) => [.. Enumerable.Range(0, rows).Select(row => row > 0 && random.Next(8) == 0 ? -1 : row)];
}
