// Odd pictures of ordinary formats: GIF, animations, palettes, planes, chunks that are not needed.
#include <algorithm>

#include <gtest/gtest.h>
#include <zlib.h>

#include "vision/codec/decode.h"
#include "test_images.h"

namespace imagehash::vision {
namespace {

cv::Mat decoded(const Buffer &image) {
    return decode(bytes_of(image), kAmple);
}

cv::Vec3b pixel(const cv::Mat &image, int x, int y) {
    return image.at<cv::Vec3b>(y, x);
}

Buffer from_hex(const char *hex) {
    Buffer bytes;
    for (; hex[0] && hex[1]; hex += 2) {
        const char digits[] = {hex[0], hex[1], '\0'};
        bytes.push_back(static_cast<uint8_t>(std::strtoul(digits, nullptr, 16)));
    }
    return bytes;
}

// --- GIF -------------------------------------------------------------------------------------------------

// 60 x 50, made by Pillow: the color of (x, y) has the index (x * x / 7 + y * y / 5) % 16, plain and
// interlaced.
const char *const kGifs[] = {
    "4749463837613c00320083000000ff0011ee0322dd0633cc0944bb0c55aa0f66991277881588771899661baa551ebb44"
    "21cc3324dd2227ee112aff002d2c000000003c0032000008ff0001080c20604081030916380840000103000412381890"
    "e041810502120040b0114002010b0a3c4830c04102020018202010c0c18204070a0c101040a0cd9a030b1e4cb8b0e1c3"
    "88132b5eccd891e3c790234b9e4cb9b2e5cb983371debca913a142860e214aa46811a3468e46418a246912a54a962e61"
    "caa469736080b705091840a080c10301051234085040c103020a001860304041800487032818c0c0000005041e282810"
    "a0418202021e305080c00081a86fe10e184da0c0dcba3d0f2c7830e0008300830520705080f08201b7191470804040e3"
    "000c0e0c78b0e000dacd9d0b7c1e4dba80730307e8327000608001bd7cb7ce060ce000ed0605c03bff38f098006fa594"
    "2d1b1800c001f203069ccb877e207a02d400f02258dd7a0180be823140d4010f1048de478d3d560000c50db7000298b5"
    "b7590208d46721020964a8c002d3e547c0010aec95570302b8269b03047895d851e6f5169c0096a5a780710248b88002"
    "19e65817030c34e0c00301180462031065d557570178571b010c30b9db010120351953283530a34c013ce040033c7649"
    "644e42f284d54f5b09e555511e89955459543aa556546d01c01001a5419750037715905543241ed000570634c0e4a00d"
    "1890540307c0b81253983dd0c053f1d129a99e0860b8219e415ef79343b02d90e49f8681b5916203201aa501c02dca40"
    "02eb65f9288e95c6ff9a80973f06795088453e74e44549d2d6e4af4f4629d2946701602554596ed9258f7b8926977479"
    "627724778315b622a9094226597a9765869c67a08556627d9676a81f7faafd17586c1a1958609ad92ed8207110d6e81e"
    "ac1692dbc0be3f7a38d75523761aa06c0f041a5e7886bae8d802a8c6e8546704d4a8e5be144fd4dc69d331a41a6baec1"
    "26e06cb5e126b26ebcf9866a700e1ad7d2b7ca31479a8e1c5227c0872166d7e7c728aa88188b25bfe8f0b111db88638e"
    "f75115e6553e6915545744897ad4584a99d5545a50b1d55600b25e0aa475b3e6dae9a7d68a8a00a9a6329caa59ac0ee0"
    "ea8d14c68aa1d13b21bd67994c7fd5d1d36b2e75969b554bff3550d60b60caf5a6af19e0a99f61174536946617bb6aab"
    "8eb2edf6db60c6ddd3dc4b0f6577584891a5f7d44fade5b79c309b4bb3887a9588738a19ad08528bbe25faf38c41bbc7"
    "36d18b5d2c5d6ae8168e73c8b7e5b69bc2c009479ccaf726b71c730454fc80bffb2d14b0e10323503078d8276c32830d"
    "5ff6b067126f49b18f17de67ae9ee8fa0720bbdd15f82e828e4d39ef8311de4b61bed1893bc0b375452ba25fd4228c61"
    "7686adf845663295e9966638032e9a848620b4dadaad8894b45d1dce57832219e386b5a0621d0b4b135b568f0027384d"
    "79cd70600b95e21653b693a92a6d6b8395db4e4227d358054ffad9549ffe54914065b079862209a2ff1425b5463d0a26"
    "91925469e06695cb91297367729a9a3c2735b4840e4e578ba0ad86942b75214949bf72d27884b52d2a19eb4a6a0be1b2"
    "2ca3a1987968483653dd895847409eb94876de039abd18703b1d950f3fe7e298fad625a076b9ef40db939ff1e8b7477c"
    "e50b42cf890e7eb886ba896c27304ac2de93ca731e93706b3d12e20c7ce4f31ce69966771aeb9dc74e04bc910dcf64c5"
    "4bd97118d83297b1c45918f31f5f0048486b117031d93a20b71af5adcf38505c4c1453d280c215cda1096f546c13d544"
    "1727a910e4684e545a33a378b729464d9a57b4da542ad7c43169d34c4deb66e7beb9b76962719c72aa8a3231b7cd7472"
    "0e6a6c6a67384767ac4d79caed89f5dc5c9ad6994fd0bd499c6ec125b4f0222d5e06c8978901a601b795406232d0980f"
    "bca6ee50934a8ef98e95b67165cf4eb648e4b16c79cd89e4eeaa739d4a0ee092ddf9cec1c6c34904a02781a04cde2849"
    "491ffb00127d8254d7c00c692078c54f5e8bac5728eff7c8d2c9ec747134d176747698d7f50c8f32a291d088663e66d5"
    "4a48b8aaa05f7805c60c064b4a1d5cd407d3a8ac3526f39fe7acdb33bd59502b1e949f0101003b",
    "4749463837613c00320083000000ff0011ee0322dd0633cc0944bb0c55aa0f66991277881588771899661baa551ebb44"
    "21cc3324dd2227ee112aff002d2c000000003c0032004008ff0001080c20604081030916380840000103000412381890"
    "e041810502120040b0114002010b0a3c4830c04102020018202010c0c18204070a0c101040a0cd000c723670f02080c1"
    "030a1a407408a080028b0b021c7050800101a70c0a38381020e403050552ae04d04041cc01011e386890b36c83016809"
    "14308040018385040e2c7830e000830006180840c094c180057f0744758040000303380f0c78b0e0004b070c14203050"
    "8000dacb96d3ae6dfb96a15cba76f1eae5db3430e0c1850f275edcf871e4c9952fa735cbd3e7c1a0431f1a45aab4efd3"
    "a752a95ac5aa1565d7af61c796d579b3e0c1847089469c58f162c68e1c3f5a256912a5cac72fbfd2ffb4399076cf9fb8"
    "1bea3e7ab177d3df83858b24fe9dab5799c9c92e3fab99ad5bb89fd575575e7bf5659a6052a58618038a31e6584baf51"
    "961966e6d9069450ea15c55e524bbd07557055cd97557dc7e127967e6635f713740c49271145485dc751762089c4dd49"
    "c5b5149e4ce39187934eb5a1872151bbb5d72154c04d15e255236e552258272ec7007f03a8e55f6771cd25a068059606"
    "d869091ab66083ad41289984b25589d966ff79a665680492e6d797081226e66a0eba76666cb2a13490730829d4e243d3"
    "c1689d46337a54e34825e1f89d8e30f158938f07548a4002ff0120400108bcb980860010a8d1010f907a80a28701405c"
    "63ac215080000040ffa6400208546aeb4a04581968030f6c2a1d020d0870c0591519d0007c04346000a30d1c2040035b"
    "a9f4ea030d842761aeb91e6429a66f69caa9a7a08a0a80a9a5a26a80aa59b1ca98abb0ca4aabad96aaf89ca019165a1d"
    "468876a49d8d8d7ab712a4e24d7a93bc814647e88bf7caa8efa237fa0b5ea433093cd0addc3ae06da7a07d6a54a87a8d"
    "5a6ab91fa5ba2a99ecc61ad9bbf0e2aa6b42bcfa4a28b0c212fb80b1c82acbacb3d0fa3b6db5305d8badb6075c9aa9af"
    "e06e2c2eb9a7867ceec8adbe6af2acb5a64c308bf5221c63be346ed76f8e2e41dce3c07fae48af8bd45d8d9da25a77c7"
    "f58e1193078052db0efd6dc6e1763ceec7498b892e00ea2eff50b2bb51df3af5d807977de8d9fb32aaf6a35d07ec7600"
    "901354e595bd1690400301ec4680021c0fa0400009801e8002822d4d0093013490c0b4115a4653e4041520bb0141673a"
    "80019767fe225f9b8fcb540305003f95aa0410d66801a92760c0004fd74a99ecb32720bd020b742b405c41e91eac5d05"
    "1280afe8da159f1aceaba7ee1501ed32b0c0acd24f3fb8c110597d78a28937bcb6d712bf8dc0fe982ec0ab4fb87bd980"
    "387496cf250a01a31b40b3aab2a068290f4ad582dafef817b9821080729bca9de6389717cf812f81223b1d5692c7ba33"
    "b90e760469800a79a2a90b766a2196c39c013e15a79901ef86cb5210df10a33ae4b96432e803c089ff54b8c2f651cf7a"
    "d8c35c0c85351a07782f23e00389f80c433ee41d278890595ffba637c1fefdef760910205e08e8c1032670810b68a077"
    "1e189608d26a8297ea22f5be18c0dc8c5129050c801949874635a6848dd4d2221c2f65c4ea59ec7a17d21e13bbf7bdd0"
    "85cf4e0c7a56f9ae983e2d6e31282b7c400bd922a8188e91637bb161f0829743bda591843a0222ac8648c48540ce8218"
    "f4e4063bf7394782d074a8eba1001ed0ba88c16e2ffc9be379eaa89e3b0eab8cd839a370fcc80040ba71901a09dbbce0"
    "672fb3d18f615b631cdbbe3690422231914be41eef1a093a2942b28ae6734c25d96744e8d18e331603a31277e744ce75"
    "e886c1219ef14c629ac50736ef00cf73670527c799ca69f028bdeb602d4547ba10e67275bbece5eb2af8be41c5cf70f8"
    "421c3617f7afc649ea7115ad1a461596357e71f4618ef3d1405de816832a11a11cf4cb4243d7505c8e5097bc34a12f2b"
    "e8ceda754b9eba9b08efecf9bb510e4f01e23b5ef296f7cf80466f7a866c21382fb7c87142d191e61c9f24ad78be756e"
    "115321259ba1327acdb439aaa3dbcc5f000202003b"};

TEST(DecodeGif, PixelsAreThoseOfThePalette) {
    for (const char *hex : kGifs) {
        cv::Mat image = decoded(from_hex(hex));
        ASSERT_EQ(image.size(), cv::Size(60, 50));
        for (int y = 0; y < 50; y++)
            for (int x = 0; x < 60; x++) {
                int i = (x * x / 7 + y * y / 5) % 16;
                ASSERT_EQ(pixel(image, x, y), cv::Vec3b(i * 3, 255 - i * 17, i * 17)) << x << " " << y;
            }
    }
}

TEST(DecodeGif, EveryTruncationOfTheFirstFrameIsAnError) {
    Buffer gif = from_hex(kGifs[0]);
    // The last byte is the trailer, which nothing needs.
    for (size_t size = 0; size + 1 < gif.size(); size++)
        ASSERT_EQ(error_of(Buffer(gif.begin(), gif.begin() + static_cast<std::ptrdiff_t>(size))).kind,
                  ErrorKind::bad_image)
            << size;
    gif.pop_back();
    EXPECT_EQ(error_of(gif).kind, ErrorKind::none);
}

// Screen of 4 x 2; the first frame, 2 x 1 at (1, 1), red and transparent; then a frame that must not show.
Buffer animated_gif() {
    Buffer gif;
    append(gif, std::string("GIF89a\4\0\2\0\x80\0\0", 13));
    gif.insert(gif.end(), {200, 10, 20, 0, 0, 0});
    for (int frame = 0; frame < 2; frame++) {
        append(gif, std::string("\x21\xf9\4\1\0\0\1\0", 8));
        append(gif, std::string("\x2c\1\0\1\0\2\0\1\0\0", 10));
        // Codes of 3 bits: clear (4), 0, 1, end (5).
        gif.insert(gif.end(), {2, 2, 0x44, static_cast<uint8_t>(frame ? 0x0b : 0x0a), 0});
    }
    gif.push_back(0x3b);
    return gif;
}

TEST(DecodeGif, FirstFrameOnWhite) {
    cv::Mat image = decoded(animated_gif());
    ASSERT_EQ(image.size(), cv::Size(4, 2));
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 4; x++)
            EXPECT_EQ(pixel(image, x, y),
                      x == 1 && y == 1 ? cv::Vec3b(20, 10, 200) : cv::Vec3b(255, 255, 255));
}

TEST(DecodeGif, ManyFramesCostNothing) {
    Buffer gif = animated_gif(), frame(gif.begin() + 19 + 23, gif.end() - 1);
    gif.pop_back();
    for (int i = 0; i < 100000; i++) gif.insert(gif.end(), frame.begin(), frame.end());
    EXPECT_EQ(decoded(gif).size(), cv::Size(4, 2));
}

TEST(DecodeGif, ImpossibleCodesAreDamage) {
    Buffer gif = animated_gif();
    gif[19 + 8 + 10] = 11;
    EXPECT_EQ(error_of(gif).message, "GIF image is damaged: codes of 11 bits");
    gif = animated_gif();
    gif[19 + 8 + 10 + 2] = 0x3c;  // clear, 7
    EXPECT_EQ(error_of(gif).message, "GIF image is damaged: impossible code");
}

// --- WebP ------------------------------------------------------------------------------------------------

void append_u24(Buffer &to, int value) {
    for (int i = 0; i < 3; i++) to.push_back(static_cast<uint8_t>(value >> 8 * i));
}

// `frames` times the same picture at (x, y) of a canvas.
Buffer animated_webp(const cv::Mat &picture, int x, int y, int width, int height, int frames) {
    Buffer still = encode(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 101}), frame, file;
    append_u24(frame, x / 2);
    append_u24(frame, y / 2);
    append_u24(frame, picture.cols - 1);
    append_u24(frame, picture.rows - 1);
    append_u24(frame, 100);
    frame.push_back(0);
    frame.insert(frame.end(), still.begin() + 12, still.end());
    append(file, "WEBPVP8X");
    append_u32_le(file, 10);
    append_u32_le(file, 0x12);
    append_u24(file, width - 1);
    append_u24(file, height - 1);
    append(file, "ANIM");
    append_u32_le(file, 6);
    file.resize(file.size() + 6);
    for (int i = 0; i < frames; i++) {
        append(file, "ANMF");
        append_u32_le(file, static_cast<uint32_t>(frame.size()));
        file.insert(file.end(), frame.begin(), frame.end());
    }
    Buffer result;
    append(result, "RIFF");
    append_u32_le(result, static_cast<uint32_t>(file.size()));
    result.insert(result.end(), file.begin(), file.end());
    return result;
}

TEST(DecodeWebp, FirstFrameOfAnAnimation) {
    cv::Mat picture(3, 5, CV_8UC4, cv::Scalar(10, 20, 30, 255));
    picture.at<cv::Vec4b>(0, 0) = cv::Vec4b(10, 20, 30, 0);
    cv::Mat image = decoded(animated_webp(picture, 2, 4, 9, 8, 3));
    ASSERT_EQ(image.size(), cv::Size(9, 8));
    EXPECT_EQ(pixel(image, 0, 0), cv::Vec3b(255, 255, 255));
    EXPECT_EQ(pixel(image, 2, 4), cv::Vec3b(255, 255, 255)) << "transparent";
    EXPECT_EQ(pixel(image, 3, 4), cv::Vec3b(10, 20, 30));
    EXPECT_EQ(pixel(image, 6, 6), cv::Vec3b(10, 20, 30));
    EXPECT_EQ(pixel(image, 7, 6), cv::Vec3b(255, 255, 255));
    EXPECT_EQ(error_of(animated_webp(picture, 6, 4, 9, 8, 1)).message,
              "WebP image is damaged: its first frame does not fit in it");
}

cv::Mat noise(int width, int height, int type) {
    cv::Mat image(height, width, type);
    cv::randu(image, 0, 256);
    return image;
}

// Of many pieces. OpenCV gives libwebp all of them at once.
TEST(DecodeWebp, PiecesGiveThePixelsOfTheWhole) {
    cv::Mat smooth = gradient(800, 600);
    cv::Mat rough = noise(500, 400, CV_8UC3), speckled = smooth.clone();
    rough.copyTo(speckled(cv::Rect(300, 200, 500, 400)));
    for (const cv::Mat &picture : {smooth, rough, speckled})
        for (int quality : {30, 95, 101}) {
            Buffer webp = encode(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, quality});
            EXPECT_EQ(largest_difference(decoded(webp), cv::imdecode(webp, cv::IMREAD_COLOR)), 0)
                << quality << ", " << webp.size() << " bytes";
        }
    cv::Mat alpha = noise(400, 300, CV_8UC4);
    EXPECT_EQ(largest_difference(decoded(encode(".webp", alpha, {cv::IMWRITE_WEBP_QUALITY, 101})),
                                 decoded(encode(".png", alpha))),
              0);
    EXPECT_EQ(largest_difference(decoded(animated_webp(rough, 0, 0, 500, 400, 2)), rough), 0);
}

// OpenCV would ask its DICOM reader.
TEST(DecodeWebp, IsNotHandedToOtherDecoders) {
    cv::Mat picture = noise(64, 64, CV_8UC3);
    Buffer plain = encode(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 101}),
           webp(plain.begin(), plain.begin() + 12);
    append(webp, "VP8X");
    append_u32_le(webp, 10);
    append_u32_le(webp, 0);
    append_u24(webp, 63);
    append_u24(webp, 63);
    append(webp, "JUNK");
    append_u32_le(webp, 100);
    webp.resize(128);
    append(webp, "DICM");
    webp.resize(38 + 100);
    webp.insert(webp.end(), plain.begin() + 12, plain.end());
    uint32_t size = static_cast<uint32_t>(webp.size() - 8);
    for (int i = 0; i < 4; i++) webp[4 + i] = static_cast<uint8_t>(size >> 8 * i);
    ASSERT_EQ(std::string(webp.begin() + 128, webp.begin() + 132), "DICM");
    EXPECT_EQ(largest_difference(decoded(webp), picture), 0);
    for (size_t i = 0; i < 4; i++) plain[128 + i] = static_cast<uint8_t>("DICM"[i]);
    ErrorKind kind = error_of(plain).kind;
    EXPECT_TRUE(kind == ErrorKind::none || kind == ErrorKind::bad_image);
}

TEST(DecodeWebp, StopsBetweenPieces) {
    static int looks, stop_at;
    Limits limits = kAmple;
    limits.stop = [] { return ++looks == stop_at; };
    for (int quality : {95, 101}) {
        Buffer webp = encode(".webp", noise(600, 600, CV_8UC3), {cv::IMWRITE_WEBP_QUALITY, quality});
        looks = stop_at = 0;
        decode(bytes_of(webp), limits);
        int most = looks;
        EXPECT_GT(most, 3) << webp.size() << " bytes";
        for (stop_at = 1; stop_at <= most; stop_at++) {
            looks = 0;
            try {
                decode(bytes_of(webp), limits);
                ADD_FAILURE() << stop_at;
            } catch (const Error &error) {
                EXPECT_EQ(error.kind, ErrorKind::cancelled);
            }
        }
    }
}

// Whatever piece the cut falls into, and whatever follows the cut.
TEST(DecodeWebp, DataThatEndEarlyAreAnError) {
    for (int quality : {80, 101}) {
        Buffer webp = encode(".webp", noise(600, 400, CV_8UC3), {cv::IMWRITE_WEBP_QUALITY, quality});
        for (size_t size :
             {size_t{40}, webp.size() / 16, webp.size() / 8, webp.size() / 3, webp.size() - 100}) {
            Buffer cut(webp.begin(), webp.begin() + static_cast<std::ptrdiff_t>(size));
            EXPECT_EQ(error_of(cut).kind, ErrorKind::bad_image);
            uint32_t rest = static_cast<uint32_t>(size - 8);
            for (int i = 0; i < 4; i++) cut[4 + i] = static_cast<uint8_t>(rest >> 8 * i);
            EXPECT_EQ(error_of(cut).kind, ErrorKind::bad_image);
        }
    }
}

TEST(DecodeWebp, ManyFramesCostNothing) {
    cv::Mat picture(4, 4, CV_8UC3, cv::Scalar(1, 2, 3));
    EXPECT_EQ(decoded(animated_webp(picture, 0, 0, 4, 4, 20000)).size(), cv::Size(4, 4));
}

// --- TIFF ------------------------------------------------------------------------------------------------

// A palette (three entries a color, 16 bits: all red, all green, all blue) behind a TIFF made by
// make_tiff().
Buffer with_palette(TiffParts parts, const std::vector<uint16_t> &palette) {
    uint32_t offset = 0;
    for (int round = 0; round < 2; round++) {
        parts.more = {{320, 3, offset}};
        offset = static_cast<uint32_t>(make_tiff(parts).size());
    }
    Buffer tiff = make_tiff(parts);
    // make_tiff() writes one value a field: this one has as many as the palette.
    size_t entry = tiff.size() - 4 - 12;
    while (!(tiff[entry] == 0x40 && tiff[entry + 1] == 1)) entry -= 12;
    tiff[entry + 4] = static_cast<uint8_t>(palette.size());
    tiff[entry + 5] = static_cast<uint8_t>(palette.size() >> 8);
    for (uint16_t value : palette) append_u16_le(tiff, value);
    return tiff;
}

TEST(DecodeTiff, Palettes) {
    // One bit: green, then blue.
    cv::Mat two = decoded(with_palette({2, 1, 1, 1, 3, 1, -1, 1, {0x40}}, {0, 0, 0x8000, 0, 0, 0xffff}));
    EXPECT_EQ(pixel(two, 0, 0), cv::Vec3b(0, 128, 0));
    EXPECT_EQ(pixel(two, 1, 0), cv::Vec3b(255, 0, 0));
    std::vector<uint16_t> palette(768);
    palette[7] = 0x1000, palette[256 + 7] = 0x2000, palette[512 + 7] = 0x3000;
    cv::Mat many = decoded(with_palette({1, 1, 1, 8, 3, 1, -1, 1, {7}}, palette));
    EXPECT_EQ(pixel(many, 0, 0), cv::Vec3b(0x30, 0x20, 0x10));
}

TEST(DecodeTiff, Cmyk) {
    cv::Mat image = decoded(make_tiff({1, 1, 4, 8, 5, 1, -1, 1, {255, 0, 0, 0}}));
    EXPECT_EQ(pixel(image, 0, 0), cv::Vec3b(255, 255, 0));
}

TEST(DecodeTiff, BigEndian) {
    Buffer tiff;
    append(tiff, std::string("MM\0*\0\0\0\x0a\x12\x34", 10));
    struct {
        int tag, type;
        uint32_t value;
    } entries[] = {{256, 3, 1}, {257, 3, 1}, {258, 3, 16}, {259, 3, 1}, {262, 3, 1},
                   {273, 4, 8}, {277, 3, 1}, {278, 3, 1},  {279, 4, 2}};
    auto u16 = [&](uint32_t value) {
        tiff.push_back(static_cast<uint8_t>(value >> 8));
        tiff.push_back(static_cast<uint8_t>(value));
    };
    u16(9);
    for (auto &entry : entries) {
        u16(static_cast<uint32_t>(entry.tag));
        u16(static_cast<uint32_t>(entry.type));
        append_u32_be(tiff, 1);
        append_u32_be(tiff, entry.type == 3 ? entry.value << 16 : entry.value);
    }
    append_u32_be(tiff, 0);
    EXPECT_EQ(pixel(decoded(tiff), 0, 0)[0], 0x12);
}

// --- PNG -------------------------------------------------------------------------------------------------

Buffer deflated(const Buffer &data) {
    uLongf size = compressBound(data.size());
    Buffer packed(size);
    compress2(packed.data(), &size, data.data(), data.size(), 9);
    packed.resize(size);
    return packed;
}

TEST(DecodePng, TextsAndProfilesAreNotUnpacked) {
    cv::Mat picture = gradient(20, 10);
    Buffer bomb;
    append(bomb, std::string("name\0\0", 6));
    Buffer packed = deflated(Buffer(64 << 20));
    bomb.insert(bomb.end(), packed.begin(), packed.end());
    for (const char *chunk : {"zTXt", "iCCP", "iTXt"})
        EXPECT_EQ(
            cv::norm(decoded(png_with_chunk(encode(".png", picture), chunk, bomb)), picture, cv::NORM_INF), 0)
            << chunk;
}

TEST(DecodePng, AnimationIsItsDefaultImage) {
    cv::Mat picture = gradient(20, 10);
    Buffer png = encode(".png", picture), control, frame;
    append_u32_be(control, 2);
    append_u32_be(control, 0);
    for (uint32_t value : {0u, 20u, 10u, 0u, 0u}) append_u32_be(frame, value);
    frame.resize(26);
    png = png_with_chunk(png_with_chunk(png, "fcTL", frame), "acTL", control);
    EXPECT_EQ(cv::norm(decoded(png), picture, cv::NORM_INF), 0);
}

TEST(DecodePng, PixelsAreThoseOfOpenCv) {
    for (int type : {CV_8UC1, CV_8UC3, CV_16UC1, CV_16UC3}) {
        cv::Mat noise(13, 21, type);
        cv::randu(noise, 0, type & 2 ? 65535 : 255);
        Buffer png = encode(".png", noise);
        EXPECT_LE(cv::norm(decoded(png), cv::imdecode(png, cv::IMREAD_COLOR), cv::NORM_INF),
                  type & 2 ? 1 : 0);
    }
}

size_t offset_of(const Buffer &png, const std::string &chunk) {
    return static_cast<size_t>(std::search(png.begin(), png.end(), chunk.begin(), chunk.end()) - png.begin());
}

TEST(DecodePng, ChecksumOfThePixelsCounts) {
    Buffer png = encode(".png", gradient(20, 10));
    png[offset_of(png, "IEND") - 5] ^= 1;  // the checksum before it
    EXPECT_EQ(error_of(png).message, "PNG image cannot be decoded: IDAT: CRC error");
}

// 256 MB more than the picture needs, from 256 kB; OpenCV unpacks them.
TEST(DecodePng, NothingIsUnpackedBehindTheLastRow) {
    Buffer header, png;
    append_u32_be(header, 1);
    append_u32_be(header, 1);
    header.insert(header.end(), {8, 0, 0, 0, 0});
    append(png, std::string("\x89PNG\r\n\x1a\n", 8));
    for (const Buffer &chunk :
         {png_chunk("IHDR", header), png_chunk("IDAT", deflated(Buffer(256 << 20))), png_chunk("IEND", {})})
        png.insert(png.end(), chunk.begin(), chunk.end());
    EXPECT_EQ(error_of(png).message, "PNG image cannot be decoded: more pixel data than pixels");
}

TEST(DecodePng, StopsWhenAskedTo) {
    Limits limits = kAmple;
    limits.stop = [] { return true; };
    try {
        decode(bytes_of(encode(".png", gradient(20, 10))), limits);
        ADD_FAILURE();
    } catch (const Error &error) {
        EXPECT_EQ(error.kind, ErrorKind::cancelled);
    }
}

TEST(DecodePng, UnknownCriticalChunkIsAnError) {
    EXPECT_EQ(error_of(png_with_chunk(encode(".png", gradient(4, 4)), "ABCD", {1})).kind,
              ErrorKind::bad_image);
}

// 2 x 1, 4 bits, two colors of which the second is half transparent.
TEST(DecodePng, PaletteWithTransparency) {
    Buffer header, png;
    append_u32_be(header, 2);
    append_u32_be(header, 1);
    header.insert(header.end(), {4, 3, 0, 0, 0});
    append(png, std::string("\x89PNG\r\n\x1a\n", 8));
    for (const Buffer &chunk :
         {png_chunk("IHDR", header), png_chunk("PLTE", {1, 2, 3, 0, 0, 0}), png_chunk("tRNS", {255, 128}),
          png_chunk("IDAT", deflated({0, 0x01})), png_chunk("IEND", {})})
        png.insert(png.end(), chunk.begin(), chunk.end());
    EXPECT_EQ(pixel(decoded(png), 0, 0), cv::Vec3b(3, 2, 1));
    EXPECT_EQ(pixel(decoded(png), 1, 0), cv::Vec3b(127, 127, 127));
}

}  // namespace
}  // namespace imagehash::vision
