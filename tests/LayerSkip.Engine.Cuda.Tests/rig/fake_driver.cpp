// libcuda's entry points for tests, on emulated devices. Work given to a stream waits until somebody waits for it (or at once, with FAKE_CUDA_EAGER=1), so that
// reading a result too early reads the wrong thing. RIG.md says what is checked, and lists the fakecuda_* functions by which a test looks inside.
#include "device_memory.h"
#include "kernel_table.h"
#include "ptx.h"
#undef threadIdx
#undef blockIdx
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <functional>
#include <mutex>
#include <set>

std::map<std::string, Kernel>& kernels()
{
    static std::map<std::string, Kernel> table;
    return table;
}

namespace
{
enum Code
{
    Success = 0, InvalidValue = 1, OutOfMemory = 2, NotInitialized = 3, NoDevice = 100, InvalidDevice = 101, InvalidContext = 201, InvalidPtx = 218,
    NoBinaryForGpu = 209, InvalidHandle = 400, NotFound = 500, NotReady = 600, IllegalAddress = 700, PeerAccessAlreadyEnabled = 704, LaunchFailed = 719,
    StreamCaptureUnsupported = 900, StreamCaptureInvalidated = 901, IllegalState = 401,
};

typedef std::function<int()> Work;
typedef std::vector<Work> Graph;

struct Stream
{
    int device;
    bool blocking;
    std::deque<Work> queue;
    std::shared_ptr<Graph> capture;
    bool invalidated = false;
};

struct Event
{
    Stream* stream = nullptr;
    u64 recorded = 0, reached = 0;
    double time = 0;
};

struct Module
{
    PtxModule ptx;
};

struct Function
{
    const Kernel* kernel;
    PtxKernel ptx;
    Module* module;
};

struct Device
{
    explicit Device(size_t bytes) : memory(bytes) {}
    DeviceMemory memory;
    int retained = 0;
    int lost = 0; // the error that every call returns from now on
    Stream legacy{0, true, {}, nullptr};
    std::set<int> peers;
};

long environment(const char* name, long otherwise)
{
    const char* value = getenv(name);
    return value && *value ? atol(value) : otherwise;
}

struct Driver
{
    std::recursive_mutex lock;
    bool initialized = false;
    std::vector<std::unique_ptr<Device>> devices;
    long visible = environment("FAKE_CUDA_DEVICES", 1); // of these
    std::set<Stream*> streams;
    std::set<Event*> events;
    std::set<Module*> modules;
    std::set<Function*> functions;
    std::set<std::shared_ptr<Graph>*> graphs, executables;
    std::map<uint8_t*, size_t> hostMemory;
    std::map<std::string, long> calls, launches;
    long allCalls = 0;
    long faultAt = environment("FAKE_CUDA_FAIL_CALL", 0), faultCode = environment("FAKE_CUDA_FAIL_CODE", LaunchFailed);
    bool eager = environment("FAKE_CUDA_EAGER", 0) != 0;
    emulator::Order order = getenv("FAKE_CUDA_ORDER") && !strcmp(getenv("FAKE_CUDA_ORDER"), "reversed") ? emulator::Order::Reversed : emulator::Order::Forward;
    std::string problem;
    std::string spoilt; // the kernel whose results are wrong

    void say(const std::string& what)
    {
        problem = what;
        if (environment("FAKE_CUDA_VERBOSE", 0))
        {
            fprintf(stderr, "fake CUDA driver: %s\n", what.c_str());
        }
    }
};

Driver& driver()
{
    static Driver* instance = new Driver; // outlives whatever is disposed last
    return *instance;
}

thread_local int currentDevice = -1;

bool isFatal(int code) { return (code >= 700 && code < 720 && code != 701 && code != 704 && code != 705) || code == 999 || code == 214; }

/// One call of the driver: counted, and refused where a fault is due.
struct Call
{
    explicit Call(const char* name, bool releases = false) : guard(driver().lock)
    {
        auto& d = driver();
        d.calls[name]++;
        d.allCalls++;
        injected = d.faultAt > 0 && d.allCalls == d.faultAt ? (int)d.faultCode : 0;
        if (injected && isFatal(injected) && currentDevice >= 0)
        {
            device().lost = injected;
        }

        error = injected ? injected : !d.initialized && strcmp(name, "cuInit") ? (int)NotInitialized : 0;
        if (releases && injected)
        {
            error = 0; // what gives back does so, and then returns the error
        }
    }

    Device& device() { return *driver().devices[currentDevice]; }

    /// For calls that need a context.
    bool noContext()
    {
        error = error ? error : currentDevice < 0 || device().retained == 0 ? (int)InvalidContext : device().lost;
        return error != 0;
    }

    /// What a call that gives back returns: it has done its work, lost device or not.
    int released()
    {
        const int lost = currentDevice >= 0 ? device().lost : 0;
        return injected ? injected : lost;
    }

    std::lock_guard<std::recursive_mutex> guard;
    int injected, error;
};

Device& of(const Stream& stream) { return *driver().devices[stream.device]; }

void onFault(int) { emulator::fail("a kernel used an address that is not the device's"); }

/// Runs the first of what waits in a stream, with the device's memory open.
void step(Stream& stream)
{
    Device& device = of(stream);
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (device.lost)
    {
        return;
    }

    const int code = work();
    if (code)
    {
        device.lost = code;
    }
}

struct Open
{
    explicit Open(int device) : device_(device)
    {
        each([](DeviceMemory& memory) { memory.open(); });
    }

    ~Open()
    {
        each([](DeviceMemory& memory) { memory.close(); });
    }

    template <class F>
    void each(F f)
    {
        auto& device = *driver().devices[device_];
        f(device.memory);
        for (int peer : device.peers)
        {
            f(driver().devices[peer]->memory);
        }
    }

    int device_;
};

void drain(Stream& stream)
{
    if (stream.queue.empty())
    {
        return;
    }

    Open open(stream.device);
    while (!stream.queue.empty())
    {
        step(stream);
    }
}

void drainDevice(int device, bool blockingOnly)
{
    for (Stream* stream : driver().streams)
    {
        if (stream->device == device && (stream->blocking || !blockingOnly))
        {
            drain(*stream);
        }
    }

    drain(driver().devices[device]->legacy);
}

Stream* streamOf(void* handle)
{
    if (!handle)
    {
        drainDevice(currentDevice, true);
        auto& legacy = driver().devices[currentDevice]->legacy;
        legacy.device = currentDevice;
        return &legacy;
    }

    // A stream of another device is none of the current context's.
    return driver().streams.count((Stream*)handle) && ((Stream*)handle)->device == currentDevice ? (Stream*)handle : nullptr;
}

int give(Stream& stream, Work work)
{
    if (stream.capture)
    {
        stream.capture->push_back(std::move(work));
        return Success;
    }

    stream.queue.push_back(std::move(work));
    if (driver().eager || &stream == &of(stream).legacy)
    {
        drain(stream);
    }

    return of(stream).lost;
}

bool isHost(const void* address, size_t bytes)
{
    auto& held = driver().hostMemory;
    auto after = held.upper_bound((uint8_t*)address);
    if (after == held.begin())
    {
        return false;
    }

    --after;
    return (uint8_t*)address + bytes <= after->first + after->second;
}

bool isAnyDevice(u64 address)
{
    for (auto& device : driver().devices)
    {
        if (device->memory.owns(address))
        {
            return true;
        }
    }

    return false;
}

/// Whether a device may use a range: its own memory, that of a peer, or page-locked host memory.
bool reaches(int device, u64 address, size_t bytes)
{
    auto& d = *driver().devices[device];
    bool found = d.memory.holds(address, bytes) || isHost((void*)address, bytes);
    for (int peer : d.peers)
    {
        found |= driver().devices[peer]->memory.holds(address, bytes);
    }

    return found;
}

bool onSomeDevice(u64 address, size_t bytes)
{
    bool found = isHost((void*)address, bytes);
    for (auto& device : driver().devices)
    {
        found |= device->memory.holds(address, bytes);
    }

    return found;
}

/// Whether memory is of the device that a context is of.
bool isOf(void* context, u64 address)
{
    const auto device = (intptr_t)context - 1;
    return device >= 0 && device < (intptr_t)driver().devices.size() && driver().devices[device]->memory.owns(address);
}

void addDevices()
{
    while ((long)driver().devices.size() < driver().visible)
    {
        driver().devices.push_back(std::make_unique<Device>((size_t)environment("FAKE_CUDA_MEMORY", 2l << 30)));
    }
}

int refuse(Code code, const std::string& why)
{
    driver().say(why);
    return code;
}

int runKernel(int device, const Kernel& kernel, const void* arguments, const std::vector<u64>& pointers, emulator::Index grid, emulator::Index block)
{
    auto& d = driver();
    for (u64 pointer : pointers)
    {
        if (pointer && !reaches(device, pointer, 1))
        {
            return refuse(IllegalAddress, kernel.name + ": an argument is no address of the device");
        }
    }

    struct sigaction own = {}, segmentation, bus;
    own.sa_handler = onFault;
    own.sa_flags = SA_NODEFER | SA_ONSTACK;
    sigaction(SIGSEGV, &own, &segmentation);
    sigaction(SIGBUS, &own, &bus);
    const char* failure = emulator::run(grid, block, d.order, kernel.shared, kernel.threads, arguments);
    sigaction(SIGSEGV, &segmentation, nullptr);
    sigaction(SIGBUS, &bus, nullptr);
    d.launches[kernel.name]++;
    if (failure)
    {
        return refuse(strstr(failure, "address") ? IllegalAddress : LaunchFailed, kernel.name + ": " + failure);
    }

    if (kernel.name == d.spoilt && !pointers.empty() && pointers[0])
    {
        *(u32*)pointers[0] += 0x10001; // about 1/128th of a float32, and another integer
    }

    return Success;
}

int copy(Stream* stream, u64 to, u64 from, size_t bytes, bool toDevice, bool fromDevice)
{
    if ((toDevice && !onSomeDevice(to, bytes)) || (fromDevice && !onSomeDevice(from, bytes)) || (!toDevice && isAnyDevice(to)) || (!fromDevice && isAnyDevice(from)))
    {
        return refuse(InvalidValue, "a copy's address is not where the call says");
    }

    const auto move = [=]
    {
        if ((toDevice && !onSomeDevice(to, bytes)) || (fromDevice && !onSomeDevice(from, bytes)))
        {
            return refuse(IllegalAddress, "a copy's memory was freed before it ran");
        }

        for (auto& device : driver().devices)
        {
            device->memory.open();
        }

        memmove((void*)to, (const void*)from, bytes);
        for (auto& device : driver().devices)
        {
            device->memory.close();
        }

        return (int)Success;
    };
    if (!stream)
    {
        return move();
    }

    if (!fromDevice && !isHost((void*)from, bytes))
    {
        // Ordinary memory is copied aside before the call returns.
        if (stream->capture)
        {
            return refuse(StreamCaptureUnsupported, "a copy from ordinary host memory was captured");
        }

        auto aside = std::make_shared<std::vector<uint8_t>>((uint8_t*)from, (uint8_t*)from + bytes);
        return give(*stream, [=] { return copy(nullptr, to, (u64)aside->data(), bytes, true, false); });
    }

    const int code = give(*stream, move);
    if (!toDevice && !isHost((void*)to, bytes))
    {
        if (stream->capture)
        {
            return refuse(StreamCaptureUnsupported, "a copy to ordinary host memory was captured");
        }

        drain(*stream);
        return of(*stream).lost;
    }

    return code;
}

int fill(Stream* stream, u64 to, u32 pattern, size_t width, size_t count)
{
    if (!onSomeDevice(to, width * count))
    {
        return refuse(InvalidValue, "cuMemset: no device memory");
    }

    return give(*stream, [=]
    {
        if (!onSomeDevice(to, width * count))
        {
            return refuse(IllegalAddress, "cuMemset: the memory was freed before it ran");
        }

        for (size_t i = 0; i < count; i++)
        {
            memcpy((uint8_t*)to + i * width, &pattern, width);
        }

        return (int)Success;
    });
}

int launch(Function* function, emulator::Index grid, emulator::Index block, u32 shared, void* handle, void** values, void** extra)
{
    if (!driver().functions.count(function))
    {
        return InvalidHandle;
    }

    const Kernel& kernel = *function->kernel;
    Stream* stream = streamOf(handle);
    if (!stream)
    {
        return InvalidHandle;
    }

    const u64 threads = (u64)block.x * block.y * block.z;
    if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535 || threads == 0 || threads > 1024
        || (function->ptx.threads && threads != function->ptx.threads) || shared > 48 * 1024)
    {
        return refuse(InvalidValue, kernel.name + ": the launch's shape is not the kernel's");
    }

    std::vector<void*> found;
    if (extra)
    {
        uint8_t* buffer = nullptr;
        size_t size = 0, end = 0;
        for (int i = 0; extra[i]; i += 2)
        {
            buffer = (uintptr_t)extra[i] == 1 ? (uint8_t*)extra[i + 1] : buffer;
            size = (uintptr_t)extra[i] == 2 ? *(size_t*)extra[i + 1] : size;
        }

        for (auto& parameter : kernel.parameters)
        {
            end = (end + parameter.bytes - 1) / parameter.bytes * parameter.bytes;
            found.push_back(buffer + end);
            end += parameter.bytes;
        }

        if (!buffer || size != end)
        {
            return refuse(InvalidValue, kernel.name + ": the arguments' size is not the kernel's");
        }
    }
    else
    {
        for (size_t i = 0; i < kernel.parameters.size(); i++)
        {
            if (!values || !values[i])
            {
                return refuse(InvalidValue, kernel.name + ": an argument is missing");
            }

            found.push_back(values[i]);
        }
    }

    std::vector<u64> pointers;
    for (size_t i = 0; i < found.size(); i++)
    {
        if (kernel.parameters[i].pointer)
        {
            pointers.push_back(*(u64*)found[i]);
        }
    }

    const std::shared_ptr<void> arguments = kernel.copy(found.data());
    const int device = stream->device;
    return give(*stream, [=, &kernel] { return runKernel(device, kernel, arguments.get(), pointers, grid, block); });
}

template <class T>
int make(std::set<T*>& set, void** handle, T* made)
{
    set.insert(made);
    *handle = made;
    return Success;
}

double now() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Runs what an event was recorded behind.
void reach(Event& event, u64 record)
{
    if (event.stream && driver().streams.count(event.stream))
    {
        Open open(event.stream->device);
        while (event.reached < record && !event.stream->queue.empty())
        {
            step(*event.stream);
        }
    }
}

/// A capture's streams may not be waited for; trying so ends it.
bool capturing(Stream* stream)
{
    if (stream && stream->capture)
    {
        stream->invalidated = true;
        return true;
    }

    return false;
}

int synchronize(Stream* stream)
{
    if (capturing(stream))
    {
        return StreamCaptureUnsupported;
    }

    drain(*stream);
    return of(*stream).lost;
}
}

#define ENTRY(name, ...) extern "C" __attribute__((visibility("default"))) int name(__VA_ARGS__)
#define BEGIN(name) Call call(name); if (call.error) return call.error
#define IN_CONTEXT(name) Call call(name); if (call.noContext()) return call.error

ENTRY(cuInit, u32)
{
    BEGIN("cuInit");
    auto& d = driver();
    const int code = (int)environment("FAKE_CUDA_INIT", 0);
    if (!code && !d.initialized)
    {
        d.initialized = true;
        addDevices();
    }

    return code;
}

ENTRY(cuDriverGetVersion, int* version) { BEGIN("cuDriverGetVersion"); *version = 12040; return Success; }
ENTRY(cuDeviceGetCount, int* count) { BEGIN("cuDeviceGetCount"); *count = (int)driver().visible; return Success; }

ENTRY(cuDeviceGet, int* device, int ordinal)
{
    BEGIN("cuDeviceGet");
    *device = ordinal;
    return ordinal >= 0 && ordinal < (int)driver().visible ? Success : InvalidDevice;
}

ENTRY(cuDeviceGetName, char* name, int length, int device)
{
    BEGIN("cuDeviceGetName");
    snprintf(name, length, "Emulated GPU %d", device);
    return Success;
}

ENTRY(cuDeviceTotalMem_v2, size_t* bytes, int device)
{
    BEGIN("cuDeviceTotalMem");
    *bytes = driver().devices[device]->memory.total();
    return Success;
}

/// Of all devices: 10 major + minor.
static long& capability()
{
    static long value = environment("FAKE_CUDA_CAPABILITY", 80);
    return value;
}

ENTRY(cuDeviceGetAttribute, int* value, int attribute, int)
{
    BEGIN("cuDeviceGetAttribute");
    switch (attribute)
    {
        case 1: *value = 1024; break;              // threads a block
        case 8: *value = 48 * 1024; break;         // shared memory a block
        case 10: *value = 32; break;               // warp
        case 13: *value = 1410000; break;          // kHz
        case 16: *value = 4; break;                // multiprocessors
        case 36: *value = 1215000; break;          // kHz of memory
        case 37: *value = 5120; break;             // bits of the memory bus
        case 41: *value = 1; break;                // unified addressing
        case 75: *value = (int)capability() / 10; break;
        case 76: *value = (int)capability() % 10; break;
        default: return InvalidValue;
    }

    return Success;
}

ENTRY(cuDeviceCanAccessPeer, int* can, int device, int peer) { BEGIN("cuDeviceCanAccessPeer"); *can = device != peer; return Success; }

ENTRY(cuDevicePrimaryCtxRetain, void** context, int device)
{
    BEGIN("cuDevicePrimaryCtxRetain");
    if (device < 0 || device >= (int)driver().devices.size())
    {
        return InvalidDevice;
    }

    driver().devices[device]->retained++;
    *context = (void*)(intptr_t)(device + 1);
    return Success;
}

ENTRY(cuDevicePrimaryCtxRelease_v2, int device)
{
    Call call("cuDevicePrimaryCtxRelease", true);
    auto& d = *driver().devices[device];
    if (d.retained == 0)
    {
        return InvalidContext;
    }

    if (--d.retained == 0)
    {
        // Ends with everything in it.
        d.memory.freeAll();
        d.lost = 0;
        d.peers.clear();
        for (auto it = driver().streams.begin(); it != driver().streams.end();)
        {
            it = (*it)->device == device ? driver().streams.erase(it) : std::next(it);
        }
    }

    return call.injected;
}

ENTRY(cuCtxSetCurrent, void* context)
{
    BEGIN("cuCtxSetCurrent");
    currentDevice = (int)(intptr_t)context - 1;
    return Success;
}

ENTRY(cuCtxGetCurrent, void** context) { BEGIN("cuCtxGetCurrent"); *context = (void*)(intptr_t)(currentDevice + 1); return Success; }

ENTRY(cuCtxSynchronize)
{
    IN_CONTEXT("cuCtxSynchronize");
    drainDevice(currentDevice, false);
    return call.device().lost;
}

ENTRY(cuCtxEnablePeerAccess, void* context, u32)
{
    IN_CONTEXT("cuCtxEnablePeerAccess");
    return call.device().peers.insert((int)(intptr_t)context - 1).second ? Success : PeerAccessAlreadyEnabled;
}

ENTRY(cuMemGetInfo_v2, size_t* free, size_t* total)
{
    IN_CONTEXT("cuMemGetInfo");
    *total = call.device().memory.total();
    *free = *total > call.device().memory.used() ? *total - call.device().memory.used() : 0;
    return Success;
}

ENTRY(cuMemAlloc_v2, u64* address, size_t bytes)
{
    IN_CONTEXT("cuMemAlloc");
    if (bytes == 0)
    {
        return InvalidValue;
    }

    *address = call.device().memory.allocate(bytes);
    return *address ? Success : OutOfMemory;
}

ENTRY(cuMemFree_v2, u64 address)
{
    Call call("cuMemFree", true);
    if (currentDevice < 0)
    {
        return InvalidContext;
    }

    drainDevice(currentDevice, false);
    const auto freed = call.device().memory.free(address);
    if (freed == DeviceMemory::Freed::Overwritten)
    {
        call.device().lost = refuse(IllegalAddress, "memory around an allocation was written");
    }

    return freed == DeviceMemory::Freed::No ? (int)InvalidValue : call.released();
}

ENTRY(cuMemHostAlloc, void** address, size_t bytes, u32)
{
    IN_CONTEXT("cuMemHostAlloc");
    *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(*address, 0xff, bytes);
    driver().hostMemory[(uint8_t*)*address] = bytes;
    return Success;
}

ENTRY(cuMemAllocHost_v2, void** address, size_t bytes) { return cuMemHostAlloc(address, bytes, 0); }

ENTRY(cuMemFreeHost, void* address)
{
    Call call("cuMemFreeHost", true);
    const auto found = driver().hostMemory.find((uint8_t*)address);
    if (found == driver().hostMemory.end())
    {
        return InvalidValue;
    }

    for (size_t i = 0; i < driver().devices.size(); i++)
    {
        drainDevice((int)i, false);
    }

    munmap(address, found->second);
    driver().hostMemory.erase(found);
    return call.released();
}

ENTRY(cuMemHostGetDevicePointer_v2, u64* address, void* host, u32) { IN_CONTEXT("cuMemHostGetDevicePointer"); *address = (u64)host; return isHost(host, 1) ? Success : InvalidValue; }

// A copy that the host waits for: behind all work of blocking streams, and of no other.
#define COPY(name, entry, to, from, toDevice, fromDevice, ...)                                                                                          \
    ENTRY(entry, __VA_ARGS__, size_t bytes)                                                                                                             \
    {                                                                                                                                                   \
        IN_CONTEXT(name);                                                                                                                               \
        drainDevice(currentDevice, true);                                                                                                               \
        const int code = copy(nullptr, (u64)to, (u64)from, bytes, toDevice, fromDevice);                                                                \
        return code ? code : call.device().lost;                                                                                                        \
    }
#define COPY_ASYNC(name, entry, to, from, toDevice, fromDevice, ...)                                                                                    \
    ENTRY(entry, __VA_ARGS__, size_t bytes, void* stream)                                                                                               \
    {                                                                                                                                                   \
        IN_CONTEXT(name);                                                                                                                               \
        Stream* own = streamOf(stream);                                                                                                                 \
        return own ? copy(own, (u64)to, (u64)from, bytes, toDevice, fromDevice) : (int)InvalidHandle;                                                   \
    }

COPY("cuMemcpyHtoD", cuMemcpyHtoD_v2, to, from, true, false, u64 to, const void* from)
COPY("cuMemcpyDtoH", cuMemcpyDtoH_v2, to, from, false, true, void* to, u64 from)
COPY("cuMemcpyDtoD", cuMemcpyDtoD_v2, to, from, true, true, u64 to, u64 from)
COPY_ASYNC("cuMemcpyHtoDAsync", cuMemcpyHtoDAsync_v2, to, from, true, false, u64 to, const void* from)
COPY_ASYNC("cuMemcpyDtoHAsync", cuMemcpyDtoHAsync_v2, to, from, false, true, void* to, u64 from)
COPY_ASYNC("cuMemcpyDtoDAsync", cuMemcpyDtoDAsync_v2, to, from, true, true, u64 to, u64 from)

ENTRY(cuMemcpyPeerAsync, u64 to, void* toContext, u64 from, void* fromContext, size_t bytes, void* stream)
{
    IN_CONTEXT("cuMemcpyPeerAsync");
    Stream* own = streamOf(stream);
    if (!isOf(toContext, to) || !isOf(fromContext, from))
    {
        return refuse(InvalidValue, "cuMemcpyPeerAsync: the memory is not the context's");
    }

    return own ? copy(own, to, from, bytes, true, true) : (int)InvalidHandle;
}

ENTRY(cuMemsetD8_v2, u64 to, uint8_t value, size_t count) { IN_CONTEXT("cuMemsetD8"); return fill(streamOf(nullptr), to, value, 1, count); }
ENTRY(cuMemsetD32_v2, u64 to, u32 value, size_t count) { IN_CONTEXT("cuMemsetD32"); return fill(streamOf(nullptr), to, value, 4, count); }

ENTRY(cuMemsetD8Async, u64 to, uint8_t value, size_t count, void* stream)
{
    IN_CONTEXT("cuMemsetD8Async");
    Stream* own = streamOf(stream);
    return own ? fill(own, to, value, 1, count) : (int)InvalidHandle;
}

ENTRY(cuMemsetD32Async, u64 to, u32 value, size_t count, void* stream)
{
    IN_CONTEXT("cuMemsetD32Async");
    Stream* own = streamOf(stream);
    return own ? fill(own, to, value, 4, count) : (int)InvalidHandle;
}

ENTRY(cuModuleLoadData, void** module, const void* image)
{
    IN_CONTEXT("cuModuleLoadData");
    auto* made = new Module{PtxModule((const char*)image)};
    const int code = !made->ptx.valid ? InvalidPtx : made->ptx.target > capability() ? NoBinaryForGpu : Success;
    if (code)
    {
        delete made;
        return code;
    }

    return make(driver().modules, module, made);
}

ENTRY(cuModuleLoadDataEx, void** module, const void* image, u32, int*, void**) { return cuModuleLoadData(module, image); }

ENTRY(cuModuleUnload, void* module)
{
    Call call("cuModuleUnload", true);
    if (!driver().modules.erase((Module*)module))
    {
        return InvalidHandle;
    }

    for (auto it = driver().functions.begin(); it != driver().functions.end();)
    {
        it = (*it)->module == module ? driver().functions.erase(it) : std::next(it);
    }

    delete (Module*)module;
    return call.released();
}

ENTRY(cuModuleGetFunction, void** function, void* module, const char* name)
{
    IN_CONTEXT("cuModuleGetFunction");
    if (!driver().modules.count((Module*)module))
    {
        return InvalidHandle;
    }

    const auto& loaded = ((Module*)module)->ptx.kernels;
    const auto described = loaded.find(name);
    const auto emulated = kernels().find(name);
    if (described == loaded.end() || emulated == kernels().end())
    {
        return refuse(NotFound, std::string(name) + " is not in the PTX, or not emulated");
    }

    bool same = described->second.parameterBytes.size() == emulated->second.parameters.size();
    for (size_t i = 0; same && i < emulated->second.parameters.size(); i++)
    {
        same = described->second.parameterBytes[i] == emulated->second.parameters[i].bytes;
    }

    return same ? make(driver().functions, function, new Function{&emulated->second, described->second, (Module*)module})
                : refuse(NotFound, std::string(name) + " has other parameters in the PTX than in the sources");
}

ENTRY(cuFuncGetAttribute, int* value, int attribute, void*) { IN_CONTEXT("cuFuncGetAttribute"); *value = attribute == 0 ? 1024 : 0; return Success; }
ENTRY(cuFuncSetAttribute, void*, int, int) { IN_CONTEXT("cuFuncSetAttribute"); return Success; }

ENTRY(cuLaunchKernel, void* function, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, void* stream, void** values, void** extra)
{
    IN_CONTEXT("cuLaunchKernel");
    return launch((Function*)function, {gx, gy, gz}, {bx, by, bz}, shared, stream, values, extra);
}

/// CUlaunchConfig and CUlaunchAttribute of cuda.h.
struct LaunchAttribute
{
    int id;
    int pad;
    int value;
    char rest[60];
};

struct LaunchConfiguration
{
    u32 gx, gy, gz, bx, by, bz, shared;
    void* stream;
    LaunchAttribute* attributes;
    u32 count;
};

ENTRY(cuLaunchKernelEx, const LaunchConfiguration* c, void* function, void** values, void** extra)
{
    IN_CONTEXT("cuLaunchKernelEx");
    for (u32 i = 0; i < c->count; i++)
    {
        // Programmatic stream serialization: kernels run one after the other here, but one that may start early must wait by itself.
        if (c->attributes[i].id != 6 || (c->attributes[i].value != 0 && ((Function*)function)->module->ptx.target < 90))
        {
            return InvalidValue;
        }
    }

    return launch((Function*)function, {c->gx, c->gy, c->gz}, {c->bx, c->by, c->bz}, c->shared, c->stream, values, extra);
}

ENTRY(cuStreamCreate, void** stream, u32 flags) { IN_CONTEXT("cuStreamCreate"); return make(driver().streams, stream, new Stream{currentDevice, (flags & 1) == 0, {}, nullptr}); }

ENTRY(cuStreamDestroy_v2, void* stream)
{
    Call call("cuStreamDestroy", true);
    if (!driver().streams.count((Stream*)stream))
    {
        return InvalidHandle;
    }

    drain(*(Stream*)stream);
    driver().streams.erase((Stream*)stream);
    delete (Stream*)stream;
    return call.released();
}

ENTRY(cuStreamSynchronize, void* stream)
{
    IN_CONTEXT("cuStreamSynchronize");
    Stream* own = streamOf(stream);
    return own ? synchronize(own) : (int)InvalidHandle;
}

ENTRY(cuStreamQuery, void* stream)
{
    IN_CONTEXT("cuStreamQuery");
    Stream* own = streamOf(stream);
    if (!own)
    {
        return InvalidHandle;
    }

    // Each question lets the device get on a little.
    if (!own->queue.empty())
    {
        Open open(own->device);
        step(*own);
    }

    return of(*own).lost ? of(*own).lost : own->queue.empty() ? Success : NotReady;
}

ENTRY(cuStreamWaitEvent, void* stream, void* event, u32)
{
    IN_CONTEXT("cuStreamWaitEvent");
    Stream* own = streamOf(stream);
    Event* awaited = (Event*)event;
    if (!own || !driver().events.count(awaited))
    {
        return InvalidHandle;
    }

    const u64 record = awaited->recorded;
    return give(*own, [=]
    {
        if (driver().events.count(awaited))
        {
            reach(*awaited, record);
        }

        return (int)Success;
    });
}

ENTRY(cuStreamBeginCapture_v2, void* stream, int)
{
    IN_CONTEXT("cuStreamBeginCapture");
    Stream* own = stream ? streamOf(stream) : nullptr;
    if (!own)
    {
        return StreamCaptureUnsupported;
    }

    if (own->capture)
    {
        return IllegalState;
    }

    own->capture = std::make_shared<Graph>();
    own->invalidated = false;
    return Success;
}

ENTRY(cuStreamEndCapture, void* stream, void** graph)
{
    // Whatever else is wrong, the stream captures no more.
    Call call("cuStreamEndCapture", true);
    *graph = nullptr;
    Stream* own = (Stream*)stream;
    if (!driver().streams.count(own) || !own->capture)
    {
        return IllegalState;
    }

    const auto captured = own->capture;
    own->capture = nullptr;
    if (own->invalidated || call.released())
    {
        return call.released() ? call.released() : (int)StreamCaptureInvalidated;
    }

    return make(driver().graphs, graph, new std::shared_ptr<Graph>(captured));
}

ENTRY(cuStreamIsCapturing, void* stream, int* status)
{
    IN_CONTEXT("cuStreamIsCapturing");
    Stream* own = streamOf(stream);
    *status = own && own->capture ? (own->invalidated ? 2 : 1) : 0;
    return own ? Success : InvalidHandle;
}

ENTRY(cuGraphInstantiateWithFlags, void** executable, void* graph, u64)
{
    IN_CONTEXT("cuGraphInstantiate");
    auto* source = (std::shared_ptr<Graph>*)graph;
    return driver().graphs.count(source) ? make(driver().executables, executable, new std::shared_ptr<Graph>(std::make_shared<Graph>(**source))) : (int)InvalidHandle;
}

ENTRY(cuGraphLaunch, void* executable, void* stream)
{
    IN_CONTEXT("cuGraphLaunch");
    Stream* own = streamOf(stream);
    auto* source = (std::shared_ptr<Graph>*)executable;
    if (!own || !driver().executables.count(source))
    {
        return InvalidHandle;
    }

    const auto graph = *source; // may be destroyed while it runs
    return give(*own, [=]
    {
        for (auto& work : *graph)
        {
            if (const int code = work())
            {
                return code;
            }
        }

        return (int)Success;
    });
}

#define DESTROY(entry, name, type, set)                                                                                                                 \
    ENTRY(entry, void* handle)                                                                                                                          \
    {                                                                                                                                                   \
        Call call(name, true);                                                                                                                          \
        if (!driver().set.erase((type*)handle))                                                                                                         \
        {                                                                                                                                               \
            return InvalidHandle;                                                                                                                       \
        }                                                                                                                                               \
                                                                                                                                                        \
        delete (type*)handle;                                                                                                                           \
        return call.released();                                                                                                                         \
    }

DESTROY(cuGraphDestroy, "cuGraphDestroy", std::shared_ptr<Graph>, graphs)
DESTROY(cuGraphExecDestroy, "cuGraphExecDestroy", std::shared_ptr<Graph>, executables)
DESTROY(cuEventDestroy_v2, "cuEventDestroy", Event, events)

ENTRY(cuEventCreate, void** event, u32) { IN_CONTEXT("cuEventCreate"); return make(driver().events, event, new Event); }

ENTRY(cuEventRecord, void* event, void* stream)
{
    IN_CONTEXT("cuEventRecord");
    Stream* own = streamOf(stream);
    Event* recorded = (Event*)event;
    if (!own || !driver().events.count(recorded))
    {
        return InvalidHandle;
    }

    recorded->stream = own;
    const u64 record = ++recorded->recorded;
    return give(*own, [=]
    {
        if (driver().events.count(recorded))
        {
            recorded->reached = record;
            recorded->time = now();
        }

        return (int)Success;
    });
}

ENTRY(cuEventSynchronize, void* event)
{
    IN_CONTEXT("cuEventSynchronize");
    if (!driver().events.count((Event*)event))
    {
        return InvalidHandle;
    }

    reach(*(Event*)event, ((Event*)event)->recorded);
    return call.device().lost;
}

ENTRY(cuEventQuery, void* event)
{
    IN_CONTEXT("cuEventQuery");
    Event* own = (Event*)event;
    if (!driver().events.count(own))
    {
        return InvalidHandle;
    }

    if (own->reached < own->recorded && own->stream && !own->stream->queue.empty())
    {
        Open open(own->stream->device);
        step(*own->stream);
    }

    return call.device().lost ? call.device().lost : own->reached == own->recorded ? Success : NotReady;
}

ENTRY(cuEventElapsedTime, float* milliseconds, void* begin, void* end)
{
    IN_CONTEXT("cuEventElapsedTime");
    Event *first = (Event*)begin, *last = (Event*)end;
    if (!driver().events.count(first) || !driver().events.count(last))
    {
        return InvalidHandle;
    }

    *milliseconds = (float)(last->time - first->time);
    return first->reached == first->recorded && last->reached == last->recorded ? Success : NotReady;
}

ENTRY(cuGetErrorName, int code, const char** text)
{
    static thread_local char name[32];
    snprintf(name, sizeof name, "CUDA_ERROR_%d", code);
    *text = name;
    return Success;
}

ENTRY(cuGetErrorString, int code, const char** text) { return cuGetErrorName(code, text); }

// How a test looks inside.

#define CONTROL(type, name, ...) extern "C" __attribute__((visibility("default"))) type name(__VA_ARGS__)

CONTROL(long, fakecuda_calls, const char* name)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    return name ? driver().calls[name] : driver().allCalls;
}

CONTROL(long, fakecuda_launches, const char* kernel)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    long all = 0;
    for (auto& [name, count] : driver().launches)
    {
        all += !kernel || name == kernel ? count : 0;
    }

    return all;
}

CONTROL(void, fakecuda_reset)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    driver().calls.clear();
    driver().launches.clear();
    driver().allCalls = driver().faultAt = 0;
    driver().problem.clear();
}

CONTROL(void, fakecuda_inject, long call, int code)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    driver().faultAt = call > 0 ? driver().allCalls + call : 0;
    driver().faultCode = code;
}

CONTROL(void, fakecuda_spoil, const char* kernel)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    driver().spoilt = kernel ? kernel : "";
}

CONTROL(void, fakecuda_capability, int value)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    capability() = value ? value : environment("FAKE_CUDA_CAPABILITY", 80);
}

CONTROL(void, fakecuda_order, int reversed)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    driver().order = reversed ? emulator::Order::Reversed : emulator::Order::Forward;
}

CONTROL(void, fakecuda_devices, int count)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    driver().visible = count;
    if (driver().initialized)
    {
        addDevices();
    }
}

CONTROL(void, fakecuda_memory, int device, long bytes)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    driver().devices[device]->memory.limit(bytes > 0 ? (size_t)bytes : SIZE_MAX);
}

CONTROL(void, fakecuda_eager, int eager)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    driver().eager = eager != 0;
}

CONTROL(long, fakecuda_live, const char* kind)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    auto& d = driver();
    long allocations = 0, bytes = 0, contexts = 0;
    for (auto& device : d.devices)
    {
        allocations += (long)device->memory.allocations();
        bytes += (long)device->memory.used();
        contexts += device->retained;
    }

    const std::map<std::string, long> counts = {
        {"memory", allocations}, {"bytes", bytes}, {"context", contexts}, {"host", (long)d.hostMemory.size()}, {"stream", (long)d.streams.size()},
        {"event", (long)d.events.size()}, {"module", (long)d.modules.size()}, {"graph", (long)d.graphs.size()}, {"executable", (long)d.executables.size()}};
    if (kind)
    {
        const auto found = counts.find(kind);
        return found == counts.end() ? -1 : found->second;
    }

    long all = 0;
    for (auto& [name, count] : counts)
    {
        all += name == "bytes" ? 0 : count;
    }

    return all;
}

CONTROL(int, fakecuda_whole)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    bool whole = true;
    for (auto& device : driver().devices)
    {
        whole &= device->memory.isWhole();
    }

    return whole;
}

CONTROL(const char*, fakecuda_problem)
{
    std::lock_guard<std::recursive_mutex> guard(driver().lock);
    return driver().problem.c_str();
}
