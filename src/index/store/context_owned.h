// A C++ object that is deleted with a memory context, after an error too.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

// Made before the object is: nothing may come between making and keeping an object that can raise an error.
template <class T>
struct ContextOwned {
    MemoryContextCallback callback;

    // In the current memory context.
    static ContextOwned *make() {
        auto owner = static_cast<ContextOwned *>(palloc0(sizeof(ContextOwned)));
        owner->callback.func = [](void *object) { delete static_cast<T *>(object); };
        return owner;
    }

    // Until the current memory context is reset or deleted.
    const T *keep(T *object) {
        callback.arg = object;
        MemoryContextRegisterResetCallback(CurrentMemoryContext, &callback);
        return object;
    }
};

}  // namespace imagehash::index
