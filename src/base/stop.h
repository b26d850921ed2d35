// The one way to end a long computation from outside.
#pragma once

namespace imagehash {

// Asked now and then whether to stop; must neither throw nor jump. Null: never stops.
using StopFlag = bool (*)();

}  // namespace imagehash
