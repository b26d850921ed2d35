#include "processes.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <new>
#include <string>

#include "tool.h"

namespace imagehash::tools {

namespace {

constexpr int kProcesses = 2;

void work_on_items(std::atomic<size_t> &next, size_t count, const std::function<WorkOnItem()> &start) {
    try {
        WorkOnItem work = start();
        for (size_t item; (item = next++) < count;) work(item);
    } catch (const std::exception &error) {
        die(error.what());
    }
}

}  // namespace

SharedMemory::SharedMemory(size_t bytes)
    : bytes_(bytes), data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (data_ == MAP_FAILED) die("not enough memory: " + std::to_string(bytes) + " bytes are needed");
}

SharedMemory::~SharedMemory() {
    munmap(data_, bytes_);
}

void for_each_in_processes(size_t count, const std::function<WorkOnItem()> &start) {
    SharedMemory memory(sizeof(std::atomic<size_t>));
    auto *next = new (memory.data()) std::atomic<size_t>(0);
    for (int i = 0; i < kProcesses; i++) {
        pid_t child = fork();
        if (child < 0) die("cannot start a process");
        if (child > 0) continue;
        work_on_items(*next, count, start);
        _exit(0);
    }
    bool good = true;
    for (int i = 0, status; i < kProcesses; i++) good &= wait(&status) > 0 && status == 0;
    if (!good) die("a process failed");
}

}  // namespace imagehash::tools
