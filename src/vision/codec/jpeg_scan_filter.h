// Drops the scans of a progressive JPEG that decoding at 1/8 scale does not need.
//
// These are the scans of AC coefficients of components that are dc_only (jpeg_scan.h), most of the file.
// libjpeg decodes what is left, with the same pixels. Nobody looks into the data of a dropped scan, so damage
// there goes unnoticed. Must not depend on libjpeg, throw, or allocate more than the size of the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/stop.h"
#include "base/types.h"
#include "vision/codec/jpeg_scan.h"

namespace imagehash::vision {

struct NeededScans {
    FilterOutcome outcome = FilterOutcome::unchanged;
    std::unique_ptr<uint8_t[]> data;  // replaces the data that were given
    size_t size = 0;
};

// `data` is what follows the header of the first scan of a progressive JPEG. This scan must be the first DC
// scan of all components; `point_transform` is its Al (T.81, G.1.2.1): the number of low bits that it leaves
// to later scans. `stop` may be null.
NeededScans drop_unneeded_scans(Bytes data, const JpegScan &first, int point_transform, StopFlag stop);

}  // namespace imagehash::vision
