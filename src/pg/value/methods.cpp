// Names of methods, as text and in binary.
#include "pg/value/methods.h"

namespace imagehash::pg {

namespace {

struct NamedMethod {
    Method method;
    const char *name;
};

}  // namespace

constexpr NamedMethod kNamedMethods[] = {
    {kMethodAverage, "average"},
    {kMethodDifference, "difference"},
    {kMethodPerceptual, "perceptual"},
    {kMethodWavelet, "wavelet"},
    {kMethodPdq, "pdq"},
    {kMethodVerticalDifference, "difference-vertical"},
    {kMethodColor, "color"},
    {kMethodCropResistant, "crop-resistant"},
};

constexpr char kSemanticPrefix[] = "semantic-";
constexpr int kSemanticPrefixLength = sizeof(kSemanticPrefix) - 1;
constexpr int kSemanticDigits = 8;

void method_name(Method method, char name[kMethodNameSize]) {
    if (method == kMethodUnknown) {
        strlcpy(name, "unknown", kMethodNameSize);
        return;
    }
    for (const NamedMethod &named : kNamedMethods) {
        if (named.method == method) {
            strlcpy(name, named.name, kMethodNameSize);
            return;
        }
    }
    snprintf(name, kMethodNameSize, "%s%08x", kSemanticPrefix, method);
}

bool method_by_name(const char *name, int length, Method *method) {
    for (const NamedMethod &named : kNamedMethods) {
        if (static_cast<int>(strlen(named.name)) == length && strncmp(named.name, name, length) == 0) {
            *method = named.method;
            return true;
        }
    }
    if (length != kSemanticPrefixLength + kSemanticDigits ||
        strncmp(name, kSemanticPrefix, kSemanticPrefixLength) != 0)
        return false;
    Method value = 0;
    for (int i = kSemanticPrefixLength; i < length; i++) {
        char c = name[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (c - 'a' + 10);
        else
            return false;
    }
    *method = value;
    return is_semantic_method(value);
}

void require_comparable(const ImageHash *a, const ImageHash *b) {
    if (a->bits() != b->bits())
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("hashes have different lengths: %d and %d bits", a->bits(), b->bits()),
                        errhint("Compare hashes that the same function made.")));
    if (!methods_comparable(a->method, b->method)) {
        char name_a[kMethodNameSize], name_b[kMethodNameSize];
        method_name(a->method, name_a);
        method_name(b->method, name_b);
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("hashes were made by different methods: \"%s\" and \"%s\"", name_a, name_b),
             errhint("Distances between methods mean nothing. Hash both images with the same function, or "
                     "select the rows of one method with imagehash_method().")));
    }
}

}  // namespace imagehash::pg
