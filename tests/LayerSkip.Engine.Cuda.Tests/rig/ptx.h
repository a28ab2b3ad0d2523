// What a PTX text says of its kernels: name, sizes of the parameters, threads of a block.
#pragma once
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

struct PtxKernel
{
    std::vector<unsigned> parameterBytes;
    unsigned threads = 0; // 0: any number
};

struct PtxModule
{
    std::map<std::string, PtxKernel> kernels;
    int target = 0; // sm_80 is 80
    bool valid = false;

    explicit PtxModule(const char* text)
    {
        valid = strstr(text, ".version ") != nullptr;
        const char* at = strstr(text, ".target sm_");
        target = at ? atoi(at + 11) : 0;
        while ((at = strstr(at ? at : text, ".entry ")))
        {
            at += 7;
            const char *open = strchr(at, '('), *body = open ? strchr(open, '{') : nullptr;
            if (!body)
            {
                valid = false;
                return;
            }

            PtxKernel& kernel = kernels[std::string(at, open)];
            for (const char* parameter = strstr(open, ".param ."); parameter && parameter < body; parameter = strstr(parameter + 9, ".param ."))
            {
                kernel.parameterBytes.push_back(atoi(parameter + 9) / 8); // .u64, .f32
            }

            const char* threads = strstr(open, ".maxntid ");
            kernel.threads = threads && threads < body ? atoi(threads + 9) : 0;
            at = body;
        }
    }
};
