// Where output goes: a person's terminal, or a file or pipe that some program reads.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "cli/table.h"

namespace sluice::cli {

/// What is known of standard output.
struct TerminalFacts {
  bool is_terminal = false;
  int width = 0;  ///< Cells; 0 where nobody knows.
  int height = 0;
  bool dumb = false;      ///< $TERM is "dumb" or empty: no escape sequence means anything.
  bool no_color = false;  ///< $NO_COLOR is set and not empty (no-color.org).
  bool utf8 = false;      ///< The locale's character set, by LC_ALL, LC_CTYPE or LANG.
};

/// How to show tables on such a terminal. Pure.
Look look_for(const TerminalFacts& facts);

/// The lines that redraw a frame in place: over `lines_before` lines that stand there. Pure.
std::string redraw(const std::vector<std::string>& lines, std::size_t lines_before);

/// Threads: one.
class Terminal {
 public:
  /// `out` outlives this.
  explicit Terminal(std::FILE* out);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Asked anew each time: a window changes its size.
  [[nodiscard]] Look look() const;
  /// 0 where nobody knows.
  [[nodiscard]] int height() const;
  /// Frames can be drawn in place.
  [[nodiscard]] bool can_redraw() const;

  void write(const std::string& text);
  void lines(const std::vector<std::string>& lines);
  /// In the place of the frame before.
  void frame(const std::vector<std::string>& lines);
  /// The reader has gone away: nothing more need be written.
  [[nodiscard]] bool broken() const;

 private:
  std::FILE* out_;
  std::size_t frame_lines_ = 0;
  bool cursor_hidden_ = false;
};

}  // namespace sluice::cli
