// Work shared among processes.
//
// Processes rather than threads: XNNPACK keeps state in the module, and its pool of threads is shared.
#pragma once

#include <cstddef>
#include <functional>

namespace imagehash::tools {

// Memory of zero bytes that processes forked later share with this one.
class SharedMemory {
 public:
    // Dies where there is not enough.
    explicit SharedMemory(size_t bytes);
    ~SharedMemory();
    SharedMemory(const SharedMemory &) = delete;
    SharedMemory &operator=(const SharedMemory &) = delete;

    void *data() const { return data_; }

 private:
    size_t bytes_;
    void *data_;
};

using WorkOnItem = std::function<void(size_t item)>;

// Works on items 0 to count - 1 in a few processes; each takes the next item that is left. Every process
// calls start() once, for the function that it then calls with its items. Returns when all are done; dies
// where a process failed, which has said why.
// REQUIRES: this process has not used LibTorch yet, whose threads would not survive a fork.
void for_each_in_processes(size_t count, const std::function<WorkOnItem()> &start);

}  // namespace imagehash::tools
