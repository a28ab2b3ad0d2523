using System.Text;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>The rig notices what a real device would punish, and what it would let pass unseen.</summary>
public unsafe class RigTests
{
    private const int InvalidValue = 1, InvalidHandle = 400, IllegalAddress = 700, LaunchFailed = 719, CaptureUnsupported = 900, CaptureInvalidated = 901;

    [Fact]
    public void A_missing_barrier_shows_in_the_order_of_the_threads()
    {
        var results = new int[2][];
        for (var order = 0; order < 2; order++)
        {
            using var context = Open();
            Rig.Controls.Reverse(order == 1);
            try
            {
                results[order] = RunPlanted(context, "planted_race", 64);
            }
            finally
            {
                Rig.Controls.Reverse(false);
            }
        }

        Assert.NotEqual(results[0], results[1]);
    }

    [Theory]
    [InlineData("planted_deadlock", "wait for each other")]
    [InlineData("planted_divergence", "different collective operations")]
    public void A_barrier_that_not_all_reach_ends_the_device(string kernel, string problem)
    {
        using var context = Open();
        var error = Assert.Throws<CudaException>(() => RunPlanted(context, kernel, 32));
        Assert.Equal(LaunchFailed, error.Code);
        Assert.Contains(problem, Rig.Controls.Problem, StringComparison.Ordinal);
        Assert.Throws<CudaException>(context.Synchronize);
    }

    [Fact]
    public void A_host_address_is_no_device_address()
    {
        using var context = Open();
        var host = stackalloc int[64];
        Launch(context, Planted(context, "planted_race"), 64, (ulong)host);
        Assert.Equal(IllegalAddress, Assert.Throws<CudaException>(context.Synchronize).Code);
    }

    [Fact]
    public void An_address_that_was_freed_is_none_either()
    {
        using var context = Open();
        var memory = context.Allocate(256);
        var kernel = Planted(context, "planted_race");
        context.Free(memory, 256);
        Launch(context, kernel, 64, memory);
        Assert.Equal(IllegalAddress, Assert.Throws<CudaException>(context.Synchronize).Code);
    }

    [Fact]
    public void A_wild_address_in_a_kernel_ends_the_device_and_not_the_process()
    {
        using var context = Open();
        var memory = context.Allocate(4096);
        AppendTo(context, memory, 0x7000_0000_0000);
        Assert.Equal(IllegalAddress, Assert.Throws<CudaException>(context.Synchronize).Code);
    }

    [Theory]
    [InlineData(8 << 10)]
    [InlineData(1 << 20)]
    [InlineData(8 << 20)]
    public void Writing_far_behind_the_last_allocation_shows(int distance)
    {
        using var context = Open();
        var memory = context.Allocate(4096);
        AppendTo(context, memory, memory + (ulong)distance);
        try
        {
            context.Synchronize();
            Assert.False(Rig.Controls.IsWhole);
        }
        catch (CudaException exception)
        {
            Assert.Equal(IllegalAddress, exception.Code);
        }
    }

    [Fact]
    public void Writing_behind_an_allocation_shows()
    {
        using var context = Open();
        var memory = context.Allocate(63 * sizeof(int));
        Launch(context, Planted(context, "planted_race"), 64, memory);
        context.Synchronize();
        Assert.False(Rig.Controls.IsWhole);
    }

    [Fact]
    public void A_block_of_another_size_than_the_kernels_is_refused()
    {
        using var context = Open();
        var memory = context.Allocate(1024);
        var kernel = Planted(context, "planted_race");
        Assert.Equal(InvalidValue, Assert.Throws<CudaException>(() => Launch(context, kernel, 128, memory)).Code);
    }

    [Fact]
    public void PTX_with_other_parameters_than_the_sources_is_refused()
    {
        using var context = Open();
        var module = KernelModule.Load(context, Encoding.ASCII.GetBytes(Ptx("planted_race", ".u32", 64)));
        Assert.Throws<CudaException>(() => module.Function("planted_race"));
        Assert.Contains("other parameters", Rig.Controls.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_result_is_there_only_when_it_has_been_waited_for()
    {
        using var context = Open();
        var memory = context.Allocate(4);
        var host = (int*)context.AllocateHost(4);
        context.Write(memory, [42]);
        context.Read((nint)host, memory, 4);
        Assert.NotEqual(42, *host);
        context.Synchronize();
        Assert.Equal(42, *host);
    }

    [Fact]
    public void A_page_locked_source_must_stay_until_it_has_been_read()
    {
        using var context = Open();
        var memory = context.Allocate(4);
        var host = (int*)context.AllocateHost(4);
        *host = 1;
        context.Write(memory, new ReadOnlySpan<int>(host, 1));
        *host = 2;
        context.Read((nint)host, memory, 4);
        context.Synchronize();
        Assert.Equal(2, *host);
    }

    [Fact]
    public void A_copy_past_the_end_is_refused()
    {
        using var context = Open();
        var memory = context.Allocate(16);
        Assert.Equal(InvalidValue, Assert.Throws<CudaException>(() => context.Write<int>(memory, [1, 2, 3, 4, 5])).Code);
    }

    [Fact]
    public void Captured_work_runs_when_the_graph_is_launched_each_time()
    {
        using var context = Open();
        var (source, target) = (context.Allocate(4), context.Allocate(4));
        var graph = CudaGraph.Capture(context, () => context.Copy(target, source, 4));
        foreach (var value in (int[])[5, 6])
        {
            context.Write(source, [value]);
            Assert.NotEqual(value, Get(context, target));
            graph.Launch();
            Assert.Equal(value, Get(context, target));
        }
    }

    [Fact]
    public void Waiting_for_a_stream_that_captures_ends_the_capture()
    {
        using var context = Open();
        var functions = context.Driver.Functions;
        nint stream, graph;
        Assert.Equal(0, functions.StreamCreate(&stream, 1));
        Assert.Equal(0, functions.StreamBeginCapture(stream, 0));
        Assert.Equal(CaptureUnsupported, functions.StreamSynchronize(stream));
        Assert.Equal(CaptureInvalidated, functions.StreamEndCapture(stream, &graph));
        Assert.Equal(0, functions.StreamSynchronize(stream));
        Assert.Equal(0, functions.StreamDestroy(stream));
        Assert.Equal(InvalidHandle, functions.StreamSynchronize(stream));
    }

    [Fact]
    public void The_nth_call_fails_and_a_fatal_error_stays()
    {
        var alive = Rig.Controls.Live();
        using (var context = Open())
        {
            _ = context.FreeBytes();
            Rig.Controls.Inject(2, 2);
            _ = context.FreeBytes();
            Assert.Equal(2, Assert.Throws<CudaException>(() => context.FreeBytes()).Code);
            _ = context.FreeBytes();

            Rig.Controls.Inject(1, LaunchFailed);
            nuint free, total;
            Assert.Equal(LaunchFailed, context.Driver.Functions.MemGetInfo(&free, &total));
            Assert.Equal(LaunchFailed, context.Driver.Functions.MemGetInfo(&free, &total));
        }

        Assert.Equal(alive, Rig.Controls.Live());
    }

    [Fact]
    public void Calls_and_live_objects_are_counted()
    {
        var controls = Rig.Controls;
        var alive = controls.Live();
        using (var context = Open())
        {
            controls.Reset();
            var memory = context.Allocate(100);
            Assert.Equal(1, controls.Calls("cuMemAlloc"));
            Assert.True(controls.Live("bytes") >= 100);
            RunPlanted(context, "planted_race", 64);
            Assert.Equal(1, controls.Launches("planted_race"));
            Assert.Equal(1, controls.Launches());
            Assert.True(controls.Live() > alive);
            context.Free(memory, 100);
        }

        Assert.Equal(alive, controls.Live());
    }

    private static CudaContext Open()
    {
        _ = Rig.Library;
        var (driver, device) = Rig.Device;
        return new CudaContext(driver, device);
    }

    private static int[] RunPlanted(CudaContext context, string name, int threads)
    {
        var memory = context.Allocate(threads * sizeof(int));
        Launch(context, Planted(context, name, threads), threads, memory);
        var result = new int[threads];
        fixed (int* target = result)
        {
            context.Read((nint)target, memory, threads * sizeof(int));
            context.Synchronize();
        }

        return result;
    }

    private static nint Planted(CudaContext context, string name, int threads = 64) =>
        KernelModule.Load(context, Encoding.ASCII.GetBytes(Ptx(name, ".u64", threads))).Function(name);

    private static void Launch(CudaContext context, nint kernel, int threads, ulong argument)
    {
        var arguments = default(KernelArguments);
        arguments.Add(argument);
        context.Launch(kernel, (1, 1, 1), threads, ref arguments);
    }

    /// <summary>Appends to a cache's page. A page table is memory like any other, so that what it says is not checked beforehand.</summary>
    private static void AppendTo(CudaContext context, ulong memory, ulong page)
    {
        context.Write<ulong>(memory, [memory + 1024]);
        context.Write(memory + 1024, [page]);
        var kernels = new KernelLibrary(context);
        var arguments = default(KernelArguments);
        foreach (var address in (ReadOnlySpan<ulong>)[memory + 2048, memory + 3072, memory + 3584, memory])
        {
            arguments.Add(address);
        }

        foreach (var value in (ReadOnlySpan<int>)[1, 1, 1, 2, 0])
        {
            arguments.Add(value);
        }

        context.Launch(kernels.Function("rope_append"), (3, 1, 1), 64, ref arguments);
    }

    private static int Get(CudaContext context, ulong address)
    {
        int value;
        context.Read((nint)(&value), address, sizeof(int));
        context.Synchronize();
        return value;
    }

    /// <summary>As much of a module as the rig reads.</summary>
    private static string Ptx(string kernel, string type, int threads) =>
        $".version 7.0\n.target sm_80\n.visible .entry {kernel}(\n\t.param {type} {kernel}_param_0\n)\n.maxntid {threads}, 1, 1\n{{\n}}\n\0";
}
