// guarded_by(): runs C++ code and turns whatever it throws into a Status.
//
// Every function of a library's table goes through it, so that no exception reaches PostgreSQL, whose frames
// cannot be unwound. A library says with its Translator what its own exceptions mean (vision/guarded.h,
// semantic/network/guarded.h). The template is thin on purpose: catching happens once, in guarded.cpp.
#pragma once

#include <exception>
#include <type_traits>

#include "base/status.h"

namespace imagehash {

// Of an exception that is neither Error nor std::bad_alloc. Must not throw or allocate.
using Translator = Status (*)(const std::exception &) noexcept;

Status guarded_call(void (*function)(void *), void *context, Translator translate) noexcept;

// Runs callable(); kind none if it returned, else what it threw.
template <class Callable>
Status guarded_by(Translator translate, Callable &&callable) noexcept {
    using Plain = std::remove_reference_t<Callable>;
    return guarded_call([](void *context) { (*static_cast<Plain *>(context))(); }, &callable, translate);
}

// A message is cut to fit, and loses a final full stop; a hint gets one. Must not be given a null.
Status make_status(ErrorKind kind, const char *message, const char *hint = "") noexcept;

// Copies text into a message field: one line of printable ASCII, which is valid in every server
// encoding, cut to fit, without a final full stop.
void copy_text(char *to, size_t size, const char *text) noexcept;

}  // namespace imagehash
