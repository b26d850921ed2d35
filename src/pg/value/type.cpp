// Text and binary input and output of imagehash, and its length modifier.
//
// Text is hexadecimal, preceded by the method and a colon where the method is known:
//   perceptual:9fee256239984d71     semantic-1a2b3c4d:00ff…     9fee256239984d71
// Binary is the method as a 4-byte integer, then the code.
#include "pg/value/image_bytes.h"
#include "pg/value/methods.h"

extern "C" {
#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
}

using namespace imagehash::pg;

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Whether a hash has the length that a column demands; -1 is any. COPY, records and JSON give it to the input
// functions and cast nothing.
static bool has_length(const ImageHash *hash, int32 typmod) {
    return typmod < 0 || hash->bits() == typmod;
}

static int length_mismatch(const ImageHash *hash, int32 typmod) {
    errcode(ERRCODE_STRING_DATA_LENGTH_MISMATCH);
    return errmsg("hash of %d bits does not match type imagehash(%d)", hash->bits(), typmod);
}

// Why a text of `digits` hexadecimal digits is no hash, or null.
static const char *length_complaint(size_t digits) {
    if (digits == 0) return "A hash has at least two hexadecimal digits.";
    if (digits % 2 != 0) return "The number of hexadecimal digits must be even.";
    return nullptr;
}

IMAGEHASH_FUNCTION(imagehash_in) {
    const char *text = PG_GETARG_CSTRING(0);
    const char *hex = text;
    Method method = kMethodUnknown;

    if (strncmp(text, "\\x", 2) == 0)
        imagehash_input_error(
            (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
             errmsg("invalid input syntax for type imagehash: value is the text of a bytea, not a hash"),
             errhint("Hash an image with semantic_hash(image) or perceptual_hash(image) first; the code of a "
                     "hash as "
                     "bytes is cast, value::bytea::imagehash.")));

    if (const char *colon = strchr(text, ':')) {
        if (!method_by_name(text, static_cast<int>(colon - text), &method))
            imagehash_input_error(
                (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                 errmsg("invalid input syntax for type imagehash: \"%s\"", text),
                 errdetail("\"%.*s\" is not a hash method.", static_cast<int>(colon - text), text),
                 errhint("Write plain hexadecimal digits where the method is not known.")));
        hex = colon + 1;
    }
    size_t digits = strlen(hex);
    for (size_t i = 0; i < digits; i++)
        if (hex_value(hex[i]) < 0)
            imagehash_input_error(
                (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                 errmsg("invalid input syntax for type imagehash: \"%s\"", text),
                 errdetail("\"%.*s\" is not a hexadecimal digit.", pg_mblen(hex + i), hex + i)));
    if (const char *complaint = length_complaint(digits))
        imagehash_input_error((errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                               errmsg("invalid input syntax for type imagehash: \"%s\"", text),
                               errdetail_internal("%s", complaint)));
    if (digits * 4 > kMaxBits)
        imagehash_input_error((errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                               errmsg("hash of %zu bits is too long for type imagehash", digits * 4),
                               errdetail("A hash has %d to %d bits.", kMinBits, kMaxBits)));

    ImageHash *hash = make_imagehash(static_cast<int>(digits * 4), method);
    for (size_t i = 0; i < digits; i += 2) hash->code[i / 2] = hex_value(hex[i]) << 4 | hex_value(hex[i + 1]);
    if (!has_length(hash, PG_GETARG_INT32(2)))
        imagehash_input_error((length_mismatch(hash, PG_GETARG_INT32(2))));
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_out) {
    const ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    char *text = static_cast<char *>(palloc(kMethodNameSize + 1 + 2 * hash->bytes() + 1));
    char *end = text;
    if (hash->method != kMethodUnknown) {
        method_name(hash->method, text);
        end += strlen(text);
        *end++ = ':';
    }
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < hash->bytes(); i++) {
        *end++ = digits[hash->code[i] >> 4];
        *end++ = digits[hash->code[i] & 15];
    }
    *end = '\0';
    PG_RETURN_CSTRING(text);
}

IMAGEHASH_FUNCTION(imagehash_recv) {
    StringInfo message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    refuse_image(message->data + message->cursor, message->len - message->cursor);
    Method method = pq_getmsgint(message, 4);
    if (!is_method(method))
        ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                        errmsg("invalid method in external \"imagehash\" value: %u", method),
                        errdetail("This release of imagehash knows methods 0 to %u, and those from %u on.",
                                  kLastBuiltInMethod, kFirstSemanticMethod)));
    int bytes = message->len - message->cursor;
    if (bytes < kMinBits / 8 || bytes > kMaxBits / 8)
        ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                        errmsg("invalid length in external \"imagehash\" value: %d bytes of code", bytes),
                        errdetail("A hash has %d to %d bits.", kMinBits, kMaxBits)));
    ImageHash *hash = make_imagehash(bytes * 8, method);
    pq_copymsgbytes(message, reinterpret_cast<char *>(hash->code), bytes);
    if (!has_length(hash, PG_GETARG_INT32(2))) ereport(ERROR, (length_mismatch(hash, PG_GETARG_INT32(2))));
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_send) {
    const ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    StringInfoData message;
    pq_begintypsend(&message);
    pq_sendint32(&message, hash->method);
    pq_sendbytes(&message, reinterpret_cast<const char *>(hash->code), hash->bytes());
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

IMAGEHASH_FUNCTION(imagehash_typmod_in) {
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    int count;
    int32 *modifiers = ArrayGetIntegerTypmods(array, &count);
    if (count != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("type imagehash takes one modifier"),
                        errhint("The modifier is the length in bits, as in imagehash(64).")));
    if (modifiers[0] < kMinBits || modifiers[0] > kMaxBits || modifiers[0] % 8 != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("length of type imagehash cannot be %d bits", modifiers[0]),
                        errdetail("A hash has %d to %d bits, a multiple of 8.", kMinBits, kMaxBits)));
    PG_RETURN_INT32(modifiers[0]);
}

// Cast imagehash -> imagehash(n): the length is checked, never changed.
IMAGEHASH_FUNCTION(imagehash_enforce_typmod) {
    ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    if (!has_length(hash, PG_GETARG_INT32(1))) ereport(ERROR, (length_mismatch(hash, PG_GETARG_INT32(1))));
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_bit_length) {
    PG_RETURN_INT32(PG_GETARG_IMAGEHASH(0)->bits());
}

IMAGEHASH_FUNCTION(imagehash_method) {
    char name[kMethodNameSize];
    method_name(PG_GETARG_IMAGEHASH(0)->method, name);
    PG_RETURN_TEXT_P(cstring_to_text(name));
}
