#include <doctest/doctest.h>

#include "common/base/duration_text.h"
#include "common/http/client.h"

namespace sluice::http {

TEST_CASE("url_encode leaves only the unreserved characters") {
  struct Row {
    std::string name;
    std::string_view text;
    const char* encoded;
  };
  const Row rows[] = {{"letters, digits and -._~ stay", "aZ09-._~", "aZ09-._~"},
                      {"a label selector", "app in (a,b),!c", "app%20in%20%28a%2Cb%29%2C%21c"},
                      {"a path segment cannot climb", "../x?y#z", "..%2Fx%3Fy%23z"},
                      {"bytes beyond ASCII are encoded one by one", "\xC3\xBC", "%C3%BC"},
                      {"a zero byte does not end the text", std::string_view("a\0b", 3), "a%00b"},
                      {"nothing", "", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(url_encode(row.text) == row.encoded);
    CHECK(url_decode(url_encode(row.text)) == row.text);
  }
}

TEST_CASE("url_decode leaves broken escapes as they are") {
  struct Row {
    std::string name;
    const char* text;
    const char* decoded;
  };
  const Row rows[] = {{"both cases of hex", "%2a%2A", "**"},
                      {"plus stays plus", "a+b", "a+b"},
                      {"cut off after the percent sign", "a%", "a%"},
                      {"cut off after one digit", "a%2", "a%2"},
                      {"not hex", "%zz%4", "%zz%4"},
                      {"an escaped percent sign", "%2541", "%41"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(url_decode(row.text) == row.decoded);
  }
}

TEST_CASE("parse_retry_after reads seconds and dates") {
  const WallTime now = *parse_rfc3339("1994-11-06T08:49:00Z");
  struct Row {
    std::string name;
    const char* value;
    std::optional<Duration> wait;
  };
  const Row rows[] = {{"seconds", "7", 7s},
                      {"spaces around", " 120 ", 120s},
                      {"zero", "0", 0s},
                      {"a date ahead", "Sun, 06 Nov 1994 08:49:37 GMT", 37s},
                      {"a date that has passed", "Sun, 06 Nov 1994 08:48:37 GMT", 0s},
                      {"a year is cut to a day", "31536000", 24h},
                      {"more digits than fit are cut to a day", "99999999999999999999999", 24h},
                      {"a far date is cut to a day", "Sun, 06 Nov 2094 08:49:37 GMT", 24h},
                      {"empty", "", std::nullopt},
                      {"negative", "-1", std::nullopt},
                      {"a fraction", "1.5", std::nullopt},
                      {"words", "soon", std::nullopt},
                      {"a date with something behind it", "Sun, 06 Nov 1994 08:49:37 GMT+1", std::nullopt}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(parse_retry_after(row.value, now) == row.wait);
  }
}

}  // namespace sluice::http
