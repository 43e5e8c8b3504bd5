#include "cli/text_width.h"

#include <doctest/doctest.h>

namespace sluice::cli {
namespace {

TEST_CASE("cells that a text takes") {
  struct Case {
    const char* name;
    std::string text;
    int width;
  };
  const Case rows[] = {{"ascii", "edge-4bz7k", 10},
                       {"empty", "", 0},
                       {"latin", "größe", 5},
                       {"wide", "网关", 4},
                       {"mixed", "a网b", 4},
                       {"hangul", "한국", 4},
                       {"emoji", "🚀", 2},
                       {"combining", "e\xCC\x81", 1},
                       {"bar", "█▌░", 3},
                       {"no UTF-8", "a\xFFz", 3},
                       {"cut sequence", "a\xE7\xBD", 3},
                       {"overlong", "\xC0\xAF", 2}};
  for (const Case& row : rows) {
    CAPTURE(row.name);
    CHECK(display_width(row.text) == row.width);
  }
}

TEST_CASE("nothing that steers a terminal gets through") {
  CHECK(printable("plain 网") == "plain 网");
  CHECK(printable("a\x1b[2Jb") == "a\xEF\xBF\xBD[2Jb");
  CHECK(printable("one\ntwo\tthree\r") == "one two three ");
  CHECK(printable("a\xC2\x9B"
                  "b") ==
        "a\xEF\xBF\xBD"
        "b");  // CSI of one byte in C1
  CHECK(printable("a\xE2\x80\xAE"
                  "b") ==
        "a\xEF\xBF\xBD"
        "b");  // right-to-left override
  CHECK(printable("\xFF\x7F") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("text is cut to fit whole characters") {
  CHECK(fit("edge", 4) == "edge");
  CHECK(fit("edges", 4) == "edg…");
  CHECK(fit("edges", 4, false) == "edg~");
  CHECK(fit("网关网关", 5) == "网关…");
  CHECK(fit("网关网关", 6) == "网关…");
  CHECK(fit("e\xCC\x81"
            "dges",
            3) ==
        "e\xCC\x81"
        "d…");
  CHECK(fit("edges", 0).empty());
  CHECK(pad("网", 4) == "网  ");
  CHECK(pad("7", 3, true) == "  7");
  CHECK(pad("too long", 3) == "too long");
}

}  // namespace
}  // namespace sluice::cli
