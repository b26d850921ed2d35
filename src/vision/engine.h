// What the two doors share: the networks and hashers this process has loaded (engine.cpp).
//
// For api.h and learn.h's implementations only.
#pragma once

#include "vision/api.h"
#include "vision/hasher.h"
#include "vision/network.h"

namespace imagehash::vision {

// Throw Error(internal) where there is none.
const Network &loaded_network(NetworkId id);
const Hasher &loaded_hasher(HasherId id);

}  // namespace imagehash::vision
