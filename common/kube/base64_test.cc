#include "common/kube/base64.h"

#include <doctest/doctest.h>

namespace sluice::kube {

TEST_CASE("base64 of RFC 4648's test vectors, both ways") {
  struct Row {
    std::string bytes;
    std::string text;
  };
  const Row rows[] = {{"", ""},
                      {"f", "Zg=="},
                      {"fo", "Zm8="},
                      {"foo", "Zm9v"},
                      {"foob", "Zm9vYg=="},
                      {"fooba", "Zm9vYmE="},
                      {"foobar", "Zm9vYmFy"},
                      {{"\xff\xfe\0", 3}, "//4A"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(base64_encode(row.bytes) == row.text);
    CHECK(base64_decode(row.text) == row.bytes);
  }
}

TEST_CASE("base64_decode skips blanks and refuses what is not base64") {
  CHECK(base64_decode("Zm9v\nYmFy\r\n ") == "foobar");
  for (const std::string text : {"Zg", "Zg=", "Zg===", "Z", "=Zg=", "Zg==Zm9v", "Zm9*", "Zm9\xff", "-_-_", "===="}) {
    CAPTURE(text);
    CHECK(!base64_decode(text).has_value());
  }
}

}  // namespace sluice::kube
