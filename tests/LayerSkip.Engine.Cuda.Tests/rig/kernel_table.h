// The emulated kernels by name, each with what a launch needs to know of its arguments.
#pragma once
#include "emulator.h"
#include <map>
#include <memory>
#include <string>
#include <type_traits>

struct Parameter
{
    u32 bytes;
    bool pointer;
};

struct Kernel
{
    std::string name;
    std::vector<Parameter> parameters;
    std::shared_ptr<void> (*copy)(void** arguments);
    void (*threads)();
    emulator::Shared shared;
};

std::map<std::string, Kernel>& kernels();

template <class... A, size_t... I>
std::shared_ptr<void> copyArguments(void** values, std::index_sequence<I...>)
{
    return std::make_shared<std::tuple<A...>>(*(A*)values[I]...);
}

template <auto Function, class... A>
int addKernel(const char* name, void (*)(A...), emulator::Shared shared)
{
    kernels()[name] = Kernel{
        name, {Parameter{sizeof(A), std::is_pointer<A>::value}...}, [](void** values) { return copyArguments<A...>(values, std::index_sequence_for<A...>{}); },
        &emulator::Threads<Function, A...>::run, shared};
    return 0;
}

// A source's static variables are its kernels' shared memory: build.sh puts them into a section of their own, and says its name.
#if defined(SHARED)
#define SHARED_(side, name) SHARED__(side, name)
#define SHARED__(side, name) __##side##_##name
extern char SHARED_(start, SHARED)[] __attribute__((weak, visibility("hidden")));
extern char SHARED_(stop, SHARED)[] __attribute__((weak, visibility("hidden")));
#endif

#define ADD_KERNEL_(name) static const int added_##name = addKernel<&name>(#name, &name, {SHARED_(start, SHARED), SHARED_(stop, SHARED)})
#define ADD_KERNEL(name) ADD_KERNEL_(name)
