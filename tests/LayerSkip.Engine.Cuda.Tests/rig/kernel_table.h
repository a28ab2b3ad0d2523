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

/// A kernel's arguments, copied at the launch.
struct BoundKernel
{
    void (*invoke)(void*);
    std::shared_ptr<void> arguments;
};

struct Kernel
{
    std::string name;
    std::vector<Parameter> parameters;
    BoundKernel (*bind)(void* kernel, void** values);
    void* function;
};

std::map<std::string, Kernel>& kernels();

template <class... A, size_t... I>
BoundKernel bindKernel(void (*kernel)(A...), void** values, std::index_sequence<I...>)
{
    typedef emulator::Call<A...> Call;
    auto call = std::make_shared<Call>(Call{kernel, std::tuple<A...>(*(A*)values[I]...)});
    return {&Call::invoke, call};
}

template <class... A>
int addKernel(const char* name, void (*kernel)(A...))
{
    kernels()[name] = Kernel{
        name, {Parameter{sizeof(A), std::is_pointer<A>::value}...},
        [](void* function, void** values) { return bindKernel((void (*)(A...))function, values, std::index_sequence_for<A...>{}); }, (void*)kernel};
    return 0;
}

#define ADD_KERNEL_(name) static const int added_##name = addKernel(#name, &name)
#define ADD_KERNEL(name) ADD_KERNEL_(name)
