// What a bug report needs to know: LibTorch's version and backends, and how a network runs.
//
// Reads what LibTorch says of itself and what the network remembers. Must not load or run anything.
#pragma once

#include "semantic/network/network.h"

namespace imagehash::semantic {

// Returns how many of facts[] it has written.
int write_facts(const Network &network, Fact facts[kMaxFacts]);

}  // namespace imagehash::semantic
