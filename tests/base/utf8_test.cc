#include "base/utf8.h"

#include <gtest/gtest.h>

namespace skald {
namespace {

TEST(Utf8, AcceptsEveryCodePointAndRoundTrips) {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(utf8_sequence_length(text), text.size()) << static_cast<std::uint32_t>(c);
    ASSERT_EQ(decode_utf8(text, text.size()), c);
  }
}

TEST(Utf8, RefusesWhatTheStandardRefuses) {
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98"}) {
    EXPECT_EQ(utf8_sequence_length(bad), 0U) << bad;
  }
  EXPECT_EQ(first_invalid_utf8("abc\xff"), 3U);
}

}  // namespace
}  // namespace skald
