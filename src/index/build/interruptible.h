// C++ objects that a long computation makes, from a frame of PostgreSQL's: a cancel ends the computation, an
// exception ends in it, and the object goes with a memory context, after an error too.
//
// The computation itself never calls PostgreSQL. It asks interrupt_is_pending(), as src/hamming's functions
// do with what they are given to ask.
#pragma once

#include <exception>
#include <type_traits>

#include "pg/server/pg.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

inline bool interrupt_is_pending() {
    return QueryCancelPending || ProcDiePending;
}

// Null where it was stopped or there was no memory.
template <class T, class Make>
T *try_to_make(const Make &make, bool *out_of_memory) noexcept {
    try {
        return make().release();
    } catch (const std::exception &) {
        *out_of_memory = true;
        return nullptr;
    }
}

// What make() returns, a std::unique_ptr<T> that is null only where interrupt_is_pending() stopped it.
// Deleted with the current memory context. Null where there is no memory.
template <class T, class Make>
const T *make_interruptibly(const Make &make) {
    static_assert(std::is_trivially_destructible<Make>::value, "an error jumps over it");
    // Registered before there is an object: nothing that can raise an error may come between making and
    // keeping it.
    auto callback = static_cast<MemoryContextCallback *>(palloc0(sizeof(MemoryContextCallback)));
    callback->func = [](void *object) { delete static_cast<T *>(object); };
    MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
    bool out_of_memory = false;
    T *object;
    do {  // a cancel may turn out to be too late for its statement
        CHECK_FOR_INTERRUPTS();
        object = try_to_make<T>(make, &out_of_memory);
    } while (object == nullptr && !out_of_memory);
    callback->arg = object;
    return object;
}

}  // namespace imagehash::index
