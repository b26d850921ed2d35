// Keeps OpenCV from using threads.
#pragma once

namespace imagehash::vision {

// Ends the threads that libraries started when they were loaded, and keeps OpenCV on the calling thread. The
// postmaster must have no second thread: fork() would copy locks that nobody releases. Starts no thread. Call
// it before OpenCV is used.
void quiet_libraries();

}  // namespace imagehash::vision
