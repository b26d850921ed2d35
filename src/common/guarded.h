// guarded(): runs C++ code and turns whatever it throws into a Status.
//
// Every function of api.h goes through it, so that no exception reaches PostgreSQL, whose frames cannot be
// unwound. The template is thin on purpose: catching and translating happen once, in guarded.cpp.
#pragma once

#include <type_traits>

#include "common/status.h"

namespace imagehash::vision {

Status guarded_call(void (*function)(void *), void *context) noexcept;

// Runs callable(); kind none if it returned, else what it threw.
template <class Callable>
Status guarded(Callable &&callable) noexcept {
    using Plain = std::remove_reference_t<Callable>;
    return guarded_call([](void *context) { (*static_cast<Plain *>(context))(); }, &callable);
}

// Copies text into a message field: one line of printable ASCII, which is valid in every server
// encoding, cut to fit, without a final full stop.
void copy_text(char *to, size_t size, const char *text) noexcept;

}  // namespace imagehash::vision
