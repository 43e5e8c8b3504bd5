#include "gateway/websocket/utf8.h"

#include <doctest/doctest.h>

#include <string>

#include "common/base/random.h"

namespace sluice::gateway {
namespace {

bool valid_in_pieces(std::string_view text, std::size_t piece) {
  Utf8Validator validator;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!validator.feed(text.substr(at, piece))) return false;
  }
  return validator.complete();
}

TEST_CASE("a text is valid or not, however it is cut") {
  struct Row {
    const char* name;
    std::string_view text;
    bool valid;
  };
  using namespace std::string_view_literals;
  const Row rows[] = {
      {"nothing", ""sv, true},
      {"ASCII with NUL", "a\0b"sv, true},
      {"two, three and four bytes", "\xC2\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"sv, true},
      {"the first and last of each length",
       "\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"sv, true},
      {"just below the surrogates", "\xED\x9F\xBF"sv, true},
      {"a surrogate", "\xED\xA0\x80"sv, false},
      {"an overlong slash", "\xC0\xAF"sv, false},
      {"an overlong form of three bytes", "\xE0\x9F\xBF"sv, false},
      {"an overlong form of four bytes", "\xF0\x8F\xBF\xBF"sv, false},
      {"beyond U+10FFFF", "\xF4\x90\x80\x80"sv, false},
      {"a lead that is never valid", "\xF5\x80\x80\x80"sv, false},
      {"a continuation without a lead", "a\x80"sv, false},
      {"a lead without its continuation", "\xC2"sv, false},
      {"a character cut short by another",
       "\xE2\x82"
       "a"sv,
       false},
      {"half a character at the end", "abc\xF0\x9F\x98"sv, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(is_utf8(row.text) == row.valid);
    for (std::size_t piece = 1; piece <= row.text.size() + 1; ++piece) {
      CAPTURE(piece);
      CHECK(valid_in_pieces(row.text, piece) == row.valid);
    }
  }
}

TEST_CASE("a beginning that cannot become valid is refused before the rest comes") {
  using namespace std::string_view_literals;
  for (const std::string_view begin : {"\xED\xA0"sv, "\xF4\x90"sv, "\xE0\x9F"sv, "\xF0\x8F"sv, "\xC1"sv, "\xFF"sv}) {
    Utf8Validator validator;
    CHECK(!validator.feed(begin));
  }
}

TEST_CASE("random bytes are judged alike whole and in pieces") {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (std::uint64_t i = random.below(40); i > 0; --i) {
      // Mostly characters, so that long valid beginnings occur.
      constexpr const char* kCharacters[] = {"a", "\xC2\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "z"};
      text +=
          random.below(30) == 0 ? std::string(1, static_cast<char>(random.below(256))) : kCharacters[random.below(5)];
    }
    const bool whole = is_utf8(text);
    for (std::size_t piece = 1; piece <= 7; ++piece) CHECK(valid_in_pieces(text, piece) == whole);
  }
}

}  // namespace
}  // namespace sluice::gateway
