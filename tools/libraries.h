// Both libraries by their tables of functions, as imagehash.so calls them in a session.
#pragma once

#include <string>

#include "semantic/api.h"
#include "vision/api.h"

namespace imagehash::tools {

constexpr vision::Limits kLimits = {100'000'000, 1 << 30, nullptr};

struct Libraries {
    const vision::Api &vision;
    const semantic::Api &semantic;
};

// Sets them to one thread, in this process. All functions here throw Error.
Libraries start_libraries();

// Throws what a function of a library reports.
void check(const Status &status);

// A network of kShippedLength values, from a file of TorchScript.
semantic::NetworkId load_network(const Libraries &libraries, const std::string &path,
                                 const Preprocessing &preprocessing);
semantic::HasherId load_hasher(const Libraries &libraries, const std::string &path);

}  // namespace imagehash::tools
