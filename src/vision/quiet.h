// What OpenCV must be told once, before its first use.
#pragma once

namespace imagehash::vision {

// Ends threads that libraries started by being loaded, and keeps everything on the calling thread: the postmaster
// may have no second thread, or fork() copies locks that nobody will release. Starts none itself.
void quiet_libraries();

}  // namespace imagehash::vision
