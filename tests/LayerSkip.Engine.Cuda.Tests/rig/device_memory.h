// A device's memory: a range of addresses of its own, which the process may touch only while the device works. Fresh memory is not zero but all ones (NaN, -1),
// and the bytes around an allocation show whether somebody wrote there.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <sys/mman.h>

class DeviceMemory
{
public:
    explicit DeviceMemory(size_t bytes) : size_(bytes), limit_(bytes)
    {
        auto* mapped = (uint8_t*)mmap(nullptr, page(size_) + Page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        base_ = mapped + (Page - (uintptr_t)mapped % Page) % Page;

        // Opening and closing takes time for each page that has been touched. What is behind the last allocation in a page as large as these is looked at like what is around it.
        madvise(base_, page(size_), MADV_HUGEPAGE);
    }

    size_t total() const { return limit_; }

    /// As if it were smaller; what is in use stays.
    void limit(size_t bytes) { limit_ = bytes < size_ ? bytes : size_; }

    size_t used() const { return used_; }
    size_t allocations() const { return allocations_.size(); }
    bool owns(uint64_t address) const { return address >= (uint64_t)base_ && address < (uint64_t)base_ + size_; }

    /// 0 where there is no room.
    uint64_t allocate(size_t bytes)
    {
        const size_t span = (bytes + Alignment - 1) / Alignment * Alignment + 2 * Zone;
        size_t at = 0;
        for (auto& [offset, allocation] : allocations_)
        {
            if (at + span <= offset)
            {
                break;
            }

            at = offset + allocation.span;
        }

        if (at + span > size_ || used_ + span > limit_)
        {
            return 0;
        }

        allocations_[at] = {span, bytes};
        used_ += span;
        const bool grows = at + span > high_;
        high_ = grows ? at + span : high_;
        open();
        memset(base_ + at, 0xff, span < Most ? span : Most);
        memset(base_ + at + span - Zone, 0xff, grows ? page(high_) - high_ + Zone : Zone);
        close();
        return (uint64_t)(base_ + at + Zone);
    }

    enum class Freed { No, Yes, Overwritten };

    Freed free(uint64_t address)
    {
        const auto found = allocations_.find((uint8_t*)address - base_ - Zone);
        if (!owns(address) || found == allocations_.end())
        {
            return Freed::No;
        }

        open();
        const bool whole = isWhole(found->first, found->second);
        madvise(base_ + found->first, found->second.span, MADV_NORMAL);
        memset(base_ + found->first, 0xff, found->second.span < Most ? found->second.span : Most);
        close();
        used_ -= found->second.span;
        allocations_.erase(found);
        return whole ? Freed::Yes : Freed::Overwritten;
    }

    void freeAll()
    {
        allocations_.clear();
        used_ = 0;
        if (opened_ == 0 && high_ > 0)
        {
            madvise(base_, page(high_), MADV_DONTNEED);
            high_ = 0;
        }
    }

    /// Whether a range lies in one allocation.
    bool holds(uint64_t address, size_t bytes) const
    {
        if (!owns(address))
        {
            return false;
        }

        auto after = allocations_.upper_bound((uint8_t*)address - base_);
        if (after == allocations_.begin())
        {
            return false;
        }

        const auto& [offset, allocation] = *--after;
        const uint64_t first = (uint64_t)(base_ + offset + Zone);
        return address >= first && address - first <= allocation.bytes && bytes <= allocation.bytes - (address - first);
    }

    /// Whether nobody wrote around an allocation.
    bool isWhole()
    {
        open();
        bool whole = true;
        for (auto& [offset, allocation] : allocations_)
        {
            whole &= isWhole(offset, allocation);
        }

        close();
        return whole;
    }

    void open()
    {
        if (opened_++ == 0)
        {
            mprotect(base_, page(high_), PROT_READ | PROT_WRITE);
        }
    }

    void close()
    {
        if (--opened_ == 0)
        {
            mprotect(base_, page(high_), PROT_NONE);
        }
    }

private:
    enum : size_t { Alignment = 256, Zone = 256, Most = 256 << 20, Page = 2 << 20 };

    struct Allocation
    {
        size_t span, bytes;
    };

    static size_t page(size_t bytes) { return (bytes + Page - 1) / Page * Page; }

    bool isWhole(size_t offset, const Allocation& allocation) const
    {
        // Behind what is wiped of a large allocation lies memory that nobody has written yet.
        const uint8_t* start = base_ + offset;
        const size_t behind = Zone + allocation.bytes, zone = allocation.span - Zone;
        const size_t end = offset + allocation.span == high_ ? page(high_) - offset : allocation.span;
        return isUntouched(start, Zone) && (behind >= Most || isUntouched(start + behind, zone - behind)) && isUntouched(start + zone, end - zone);
    }

    static bool isUntouched(const uint8_t* from, size_t bytes) { return bytes == 0 || (from[0] == 0xff && memcmp(from, from + 1, bytes - 1) == 0); }

    uint8_t* base_;
    size_t size_, limit_, used_ = 0, high_ = 0;
    int opened_ = 0;
    std::map<size_t, Allocation> allocations_;
};
