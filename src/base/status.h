// How the libraries report failure: inside an exception, through their tables of functions a plain struct.
//
// No C++ exception may reach src/pg, and no longjmp may pass a C++ frame. So every function of an api.h runs
// inside guarded(), the only place that catches, and returns a Status: plain memory that outlives all C++
// frames. Must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <cstdarg>
#include <exception>
#include <string>

#include "base/stop.h"

namespace imagehash {

// What went wrong, in terms that src/pg maps to a SQLSTATE.
enum class ErrorKind {
    none,
    bad_image,     // the bytes are not a usable image: empty, truncated, damaged, unknown format
    unsupported,   // a known format, or a feature of one, that this build cannot decode
    too_large,     // more pixels than the limit
    bad_argument,  // a call that cannot be answered: wrong embedding length, non-finite values
    bad_model,     // a network or hasher file that is damaged or of the wrong shape
    out_of_memory,
    cancelled,  // the stop flag was seen
    abandoned,  // ... but a registered network runs on, in a thread that only the end of the process ends:
                // the caller must end it, with exit(1)
    internal,   // an exception nobody expected; the message carries what it said
};

// Result of a call of a library. Plain memory: may be copied, and jumped over.
struct Status {
    ErrorKind kind;
    char message[256];  // PostgreSQL style: lower case, no full stop
    char hint[256];     // a sentence, or empty

    bool ok() const { return kind == ErrorKind::none; }
};

// The exception of the libraries. Anything else that is thrown arrives as ErrorKind::internal.
class Error : public std::exception {
 public:
    Error(ErrorKind kind, std::string message, std::string hint = "")
        : kind(kind), message(std::move(message)), hint(std::move(hint)) {}
    const char *what() const noexcept override { return message.c_str(); }

    ErrorKind kind;
    std::string message;
    std::string hint;
};

// Throws Error(cancelled) where the flag says stop.
inline void look_for_stop(StopFlag stop) {
    if (stop && stop()) throw Error(ErrorKind::cancelled, "the caller cancelled it");
}

}  // namespace imagehash
