using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Memory;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Device memory that is kept for later, and what becomes of it.</summary>
public class MemoryTests
{
    private const long PieceBytes = 8 << 20; // a slab each
    private const int OutOfMemory = 2;

    [Fact]
    public void Slabs_that_were_needed_lately_are_kept_and_the_others_freed_with_one_wait_at_most()
    {
        using var context = Open();
        var pool = new SlabPool(context, PieceBytes);
        var pieces = Enumerable.Range(0, 10).Select(_ => pool.Rent()).ToArray();
        var held = context.HeldBytes;
        Return(pool, pieces);

        // The next request finds most of what the last one needed.
        var calls = Rig.Controls.Calls("cuMemAlloc");
        pieces = [.. pieces.Take(8).Select(_ => pool.Rent())];
        Assert.Equal(calls, Rig.Controls.Calls("cuMemAlloc"));
        Assert.InRange(context.HeldBytes, 8 * PieceBytes, held);
        Return(pool, pieces);

        // Requests that need little let it go by and by.
        for (var request = 0; request < 40; request++)
        {
            var waits = context.Counters.Synchronizations;
            Return(pool, [pool.Rent()]);
            Assert.InRange(context.Counters.Synchronizations - waits, 0, 1);
        }

        Assert.Equal(PieceBytes, context.HeldBytes);
    }

    [Fact]
    public void What_is_kept_for_later_is_freed_where_memory_runs_out()
    {
        using var context = Open();
        var pool = new SlabPool(context, PieceBytes);
        context.Reclaim = pool.Trim;
        var used = pool.Rent();
        var pieces = new[] { pool.Rent(), pool.Rent() };
        Return(pool, pieces);
        Rig.Controls.Inject(1, OutOfMemory);
        var memory = context.Allocate(100);
        Assert.Equal(PieceBytes + 100, context.HeldBytes);

        // With nothing left to free it is an error.
        Rig.Controls.Inject(1, OutOfMemory);
        Assert.Throws<InsufficientMemoryException>(() => context.Allocate(100));
        Rig.Controls.Reset();
        context.Free(memory, 100);
        pool.Return(used);
    }

    [Fact]
    public void Rows_that_could_not_be_made_or_are_gone_harm_nobody()
    {
        using var model = CudaModels.Random(TinyCheckpoint.DefaultConfig with { Layers = 2 });
        AbandonRows(model);
        GC.Collect();
        GC.WaitForPendingFinalizers();

        var cache = model.CreateCache();
        var rows = model.CreateRows(3);
        rows.Place(0, 2, cache, 0);
        model.Embed(rows, 0, [1, 2]);
        model.RunLayers(rows, 0, 2, 0, 2);
        Assert.Throws<InvalidOperationException>(() => model.RunLayers(rows, 1, 2, 0, 2));
        cache.Dispose();
        Assert.Throws<InvalidOperationException>(() => model.RunLayers(rows, 0, 2, 0, 2));
        rows.Dispose();
        Assert.Throws<ObjectDisposedException>(() => rows.Place(0, 2, cache, 0));
        Assert.Throws<ObjectDisposedException>(() => model.Embed(rows, 0, [1, 2]));
        Assert.Throws<ObjectDisposedException>(() => model.RunLayers(rows, 0, 2, 0, 2));
        Assert.Equal(4, model.Tokens([1, 2, 3], CudaModels.Autoregressive(4)).Length);
    }

    private static void AbandonRows(CudaModel model) => Assert.Throws<ArgumentOutOfRangeException>(() => model.CreateRows(0));

    private static void Return(SlabPool pool, ulong[] pieces)
    {
        foreach (var piece in pieces)
        {
            pool.Return(piece);
        }
    }

    private static CudaContext Open()
    {
        Rig.Controls.Reset();
        var (driver, device) = Rig.Device;
        var context = new CudaContext(driver, device);
        context.Enter();
        return context;
    }
}
