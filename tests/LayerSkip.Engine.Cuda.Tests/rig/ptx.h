// What a PTX text says of its kernels: name, sizes of the parameters, threads of a block.
#pragma once
#include <cstdlib>
#include <map>
#include <sstream>
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
        std::istringstream lines(text);
        PtxKernel* kernel = nullptr;
        for (std::string line; std::getline(lines, line);)
        {
            std::istringstream words(line);
            std::string first, second, third, name;
            words >> first >> second >> third >> name;
            if (first == ".version")
            {
                valid = true;
            }
            else if (first == ".target")
            {
                target = atoi(second.c_str() + 3);
            }
            else if (first == ".visible" && second == ".entry")
            {
                kernel = &kernels[third.substr(0, third.find('('))];
            }
            else if (kernel && first == ".param")
            {
                kernel->parameterBytes.push_back(atoi(second.c_str() + 2) / 8);
            }
            else if (kernel && first == ".maxntid")
            {
                kernel->threads = atoi(second.c_str());
            }
            else if (first == "{")
            {
                kernel = nullptr;
            }
        }
    }
};
