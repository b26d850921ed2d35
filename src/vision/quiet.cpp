// Ends OpenBLAS's pool, which comes with OpenCV, and sets OpenCV's own to one thread. Must not call anything
// of OpenCV that starts its pool.
#include "vision/quiet.h"

#include <opencv2/core/utility.hpp>

#include "base/blas_threads.h"

namespace imagehash::vision {

void quiet_libraries() {
    end_blas_threads();
    cv::setNumThreads(1);
}

}  // namespace imagehash::vision
