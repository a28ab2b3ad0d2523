using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Layers;

/// <summary>y = x Wᵀ, without a bias.</summary>
internal static class Linear
{
    /// <param name="gemm">Multiplies.</param>
    /// <param name="x">[R, inputs].</param>
    /// <param name="w">[outputs, inputs].</param>
    /// <param name="y">Result [R, outputs].</param>
    public static void Forward(Gemm gemm, Matrix x, Matrix w, Matrix y) => gemm.Multiply(x, w.Transposed, y);

    /// <summary>y = residual + x Wᵀ.</summary>
    /// <param name="gemm">Multiplies.</param>
    /// <param name="x">[R, inputs].</param>
    /// <param name="w">[outputs, inputs].</param>
    /// <param name="residual">[R, outputs].</param>
    /// <param name="y">Result [R, outputs].</param>
    public static void ForwardAdd(Gemm gemm, Matrix x, Matrix w, Matrix residual, Matrix y) =>
        gemm.MultiplyAdd(x, w.Transposed, residual, y);

    /// <summary>dx = dy W; dW += dyᵀ x.</summary>
    /// <param name="gemm">Multiplies.</param>
    /// <param name="x">[R, inputs], the input.</param>
    /// <param name="w">[outputs, inputs].</param>
    /// <param name="dy">[R, outputs].</param>
    /// <param name="dx">Result [R, inputs]; may take the place of <paramref name="x"/>.</param>
    /// <param name="dw">[outputs, inputs], added to.</param>
    public static void Backward(Gemm gemm, Matrix x, Matrix w, Matrix dy, Matrix dx, Matrix dw)
    {
        gemm.MultiplyAdd(dy.Transposed, x, dw, dw);
        gemm.Multiply(dy, w, dx);
    }
}
