// From images to embeddings and from embeddings to hashes: the one place where the two libraries meet. The
// one decodes and writes inputs, the other runs the network on them.
#pragma once

#include "pg/catalog/model_files.h"
#include "pg/images/arguments.h"

extern "C" {
#include "utils/array.h"
}

namespace imagehash::pg {

// Threads of one forward pass here: imagehash.threads, one in a parallel plan. use_session_threads() goes
// before images are embedded.
int threads_of_session();
void use_session_threads();

// Embeddings of up to kEmbeddingBatch images: out[count][model->length], the same values whatever else is in
// the call. One that cannot be decoded leaves its reason in each[i] and zeros in out; each[i] of the others
// is ok. ERROR where a network fails.
void embed_images(const LoadedModel *model, const Bytes *images, int count, float *out, Status *each);

// Values of the image's embedding (palloc); *decoded says why there are none.
float *embed_image(const LoadedModel *model, const bytea *image, Status *decoded);

// Embeddings of a picture and of `views` augmented copies of it: out[1 + views][model->length], the picture
// first, as embed_image() gives it. The same for the same seed and bytes. Returns why it cannot be decoded;
// ERROR where a network fails.
Status embed_views(const LoadedModel *model, Bytes image, uint64 seed, int views, float *out);

// The values of an embedding of double precision, without nulls, as hashers take them (palloc). One that is
// too large for a float is not finite to them.
float *floats_of_doubles(ArrayType *array, int length);

// ERROR 22023 where the hasher takes another length, or a value is not finite.
ImageHash *hash_of_embedding(const LoadedHasher *hasher, const float *embedding, int length);
// What the hash has the signs of: hasher->shape.bits values (palloc).
float *logits_of_embedding(const LoadedHasher *hasher, const float *embedding, int length);

// real[] of these values.
ArrayType *real_array(const float *values, int count);

}  // namespace imagehash::pg
