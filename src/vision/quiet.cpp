// OpenCV decodes and resizes on the calling thread from here on.
#include "vision/quiet.h"

#include <opencv2/core/utility.hpp>

#include "common/blas_threads.h"

namespace imagehash::vision {

void quiet_libraries() {
    end_blas_threads();
    cv::setNumThreads(1);
}

}  // namespace imagehash::vision
