// Arrays that grow by doubling, in the memory context that is current when they are first written.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

// Makes room for one more element.
template <class T>
void make_room(T **array, int64 count, int64 *room) {
    if (count < *room) return;
    *room = Max(*room * 2, INT64CONST(256));
    Size size = *room * sizeof(T);
    *array = static_cast<T *>(*array == nullptr ? palloc_extended(size, MCXT_ALLOC_HUGE)
                                                : repalloc_huge(*array, size));
}

}  // namespace imagehash::index
