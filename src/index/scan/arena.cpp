// One piece of memory, which grows to what the last scan that had it wanted, up to 4 MB. It is handed out
// from the front and is free again when the context of its scan is reset or deleted.
#include "index/scan/arena.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

constexpr Size kLargestArena = 4 * 1024 * 1024;

static struct {
    char *memory;
    Size size;
    Size used;
    Size wanted;           // by the scan that has it, in all
    MemoryContext holder;  // null while free
} arena;

// Runs when the holder's context is reset or deleted, after an error too.
static void release(void * /* unused */) {
    arena.holder = nullptr;
}

static void acquire(MemoryContext context) {
    if (arena.wanted > arena.size) {
        Size size = Min(arena.wanted, kLargestArena);
        if (arena.memory != nullptr) pfree(arena.memory);
        arena.memory = nullptr;
        arena.size = 0;
        arena.memory = static_cast<char *>(MemoryContextAllocHuge(TopMemoryContext, size));
        arena.size = size;
    }
    auto callback =
        static_cast<MemoryContextCallback *>(MemoryContextAllocZero(context, sizeof(MemoryContextCallback)));
    callback->func = release;
    MemoryContextRegisterResetCallback(context, callback);
    arena.holder = context;
    arena.used = arena.wanted = 0;
}

void *arena_alloc(MemoryContext context, Size size) {
    size = MAXALIGN(size);
    if (arena.holder == nullptr) acquire(context);
    if (arena.holder == context) {
        arena.wanted += size;
        if (size <= arena.size - arena.used) {
            void *memory = arena.memory + arena.used;
            arena.used += size;
            return memory;
        }
    }
    return MemoryContextAllocHuge(context, size);
}

}  // namespace imagehash::index
