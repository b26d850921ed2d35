// Test points: places where a test can stop a backend, make it fail or kill it.
//
// They are in the module of the tests alone (imagehash_test_points, which is never installed); in any other
// build TEST_POINT() is nothing. PostgreSQL has injection points of its own only from 17 on, and only where
// it was configured with them, so they would be in no test on the packaged servers of 15 to 18.
//
// The setting imagehash.test_points (superusers) says what happens where, as POINT=ACTION[@N], ...:
//   tell    sends a notice
//   pause   waits until nobody holds pg_advisory_lock(hashtext('POINT')); only where no page is locked
//   error   raises an error, once
//   fatal   ends the session in order, as pg_terminate_backend() does
//   kill    kills the process, as kill -9 does, so that the server restarts
// Where POINT is * it means all of them. With @N the action is taken when the point is reached for the N-th
// time since it was set, and never again.
#pragma once

#ifdef IMAGEHASH_TEST_POINTS
namespace imagehash::index {
void define_test_points();
void reach_test_point(const char *name);
}  // namespace imagehash::index
#define TEST_POINT(name) imagehash::index::reach_test_point(name)
#else
#define TEST_POINT(name) static_cast<void>(0)
#endif
