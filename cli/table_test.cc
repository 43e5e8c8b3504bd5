#include "cli/table.h"

#include <doctest/doctest.h>

#include "cli/terminal.h"
#include "cli/text_width.h"

namespace sluice::cli {
namespace {

const Table kPods{.columns = {{.name = "POD"}, {.name = "CONNS", .right = true}, {.name = "NODE", .width_min = 4}},
                  .rows = {{{"edge-a"}, {"481k"}, {"node-of-a-long-name"}}, {{"网关-b"}, {"7"}, {"n1"}}, {{"c"}}}};

TEST_CASE("a table as kubectl has it") {
  const std::vector<std::string> expected = {"POD      CONNS   NODE", "edge-a    481k   node-of-a-long-name",
                                             "网关-b       7   n1", "c"};
  CHECK(render(kPods, {}) == expected);
}

TEST_CASE("no line is wider than the terminal") {
  for (int width = 1; width <= 40; ++width) {
    CAPTURE(width);
    for (const bool unicode : {false, true}) {
      for (const std::string& line : render(kPods, {.width = width, .unicode = unicode}))
        CHECK(display_width(line) <= width);
    }
  }
}

TEST_CASE("what may be cut is cut first, once the gaps are small") {
  const std::vector<std::string> expected = {"POD    CONNS NODE", "edge-a  481k node-o~", "网关-b     7 n1", "c"};
  CHECK(render(kPods, {.width = 20}) == expected);
}

TEST_CASE("colours only where they are asked for, and outside of the count of cells") {
  const Table table{.columns = {{.name = "STATE"}, {.name = "X"}}, .rows = {{{"active", Tone::kGood}, {"1"}}}};
  CHECK(render(table, {}).back() == "active   1");
  CHECK(render(table, {.colors = true}).back() == "\x1b[32mactive\x1b[0m   1");
  CHECK(paint("", Tone::kBad, true).empty());
  CHECK(paint("x", Tone::kBad, false) == "x");
}

TEST_CASE("bars") {
  struct Case {
    double done;
    const char* unicode;
    const char* ascii;
  };
  const Case rows[] = {{0, "░░░░", "----"},    {1, "████", "####"},        {0.5, "██░░", "##--"},
                       {0.54, "██▏░", "##--"}, {0.99, "███▉", "###-"},     {-3, "░░░░", "----"},
                       {7, "████", "####"},    {0.0 / 0.0, "░░░░", "----"}};
  for (const Case& row : rows) {
    CAPTURE(row.done);
    CHECK(bar(row.done, 4, true) == row.unicode);
    CHECK(bar(row.done, 4, false) == row.ascii);
    CHECK(display_width(bar(row.done, 9, true)) == 9);
  }
}

TEST_CASE("what a terminal is taken for") {
  const TerminalFacts person{
      .is_terminal = true, .width = 100, .height = 30, .dumb = false, .no_color = false, .utf8 = true};
  CHECK(look_for(person).colors);
  CHECK(look_for(person).width == 100);
  CHECK(look_for(person).unicode);
  TerminalFacts plain = person;
  plain.no_color = true;
  CHECK_FALSE(look_for(plain).colors);
  TerminalFacts dumb = person;
  dumb.dumb = true;
  CHECK_FALSE(look_for(dumb).colors);
  TerminalFacts pipe = person;
  pipe.is_terminal = false;
  CHECK_FALSE(look_for(pipe).colors);
  CHECK(look_for(pipe).width == 0);
}

TEST_CASE("a frame is drawn over the one before") {
  CHECK(redraw({"a", "b"}, 0) == "\x1b[?2026h\ra\x1b[K\nb\x1b[K\n\x1b[J\x1b[?2026l");
  CHECK(redraw({"c"}, 2) == "\x1b[?2026h\x1b[2A\rc\x1b[K\n\x1b[J\x1b[?2026l");
}

}  // namespace
}  // namespace sluice::cli
