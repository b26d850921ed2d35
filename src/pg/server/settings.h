// Settings with the prefix imagehash.
//
// All are defined in imagehash.so, which reserves the prefix; imagehash_vision.so asks it for a pointer. So a
// setting is known whichever module a session loads first.
#pragma once

#include "pg/server/pg.h"

namespace imagehash::pg {

struct Settings {
    int threads;           // threads of one forward pass
    int max_pixels;        // width x height of an image that may be decoded
    int max_bytes;         // kB of an encoded image
    double target_recall;  // of an ordered scan; 1: exact
    int directory_cache;   // kB
};

using SettingsFunction = const Settings *(*)();

// For imagehash_vision.so: loads imagehash.so if the session has not yet.
inline const Settings *settings_of_imagehash() {
    auto function = reinterpret_cast<SettingsFunction>(
        load_external_function("$libdir/imagehash", "imagehash_settings", true, nullptr));
    return function();
}

// For imagehash.so: called once by _PG_init.
void define_settings();
double target_recall();
int directory_cache();  // kB

}  // namespace imagehash::pg
