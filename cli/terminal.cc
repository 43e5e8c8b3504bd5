#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "common/base/text.h"

namespace sluice::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
  return value == nullptr ? "" : value;
}

bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (const std::string value = lower(environment(name)); !value.empty()) {
      return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
    }
  }
  return false;
}

TerminalFacts facts_of(std::FILE* out) {
  TerminalFacts facts;
  const int descriptor = fileno(out);
  facts.is_terminal = isatty(descriptor) == 1;
  winsize size{};
  if (facts.is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0) {
    facts.width = size.ws_col;
    facts.height = size.ws_row;
  }
  const std::string term = environment("TERM");
  facts.dumb = term.empty() || term == "dumb";
  facts.no_color = !environment("NO_COLOR").empty();
  facts.utf8 = is_utf8_locale();
  return facts;
}

}  // namespace

Look look_for(const TerminalFacts& facts) {
  return {.width = facts.is_terminal ? facts.width : 0,
          .colors = facts.is_terminal && !facts.dumb && !facts.no_color,
          .unicode = facts.utf8};
}

std::string redraw(const std::vector<std::string>& lines, std::size_t lines_before) {
  std::string out = "\x1b[?2026h";  // As one update, where the terminal knows how; else it is ignored.
  if (lines_before > 0) out += "\x1b[" + std::to_string(lines_before) + "A";
  out += "\r";
  for (const std::string& line : lines) out += line + "\x1b[K\n";
  return out + "\x1b[J\x1b[?2026l";
}

Terminal::Terminal(std::FILE* out) : out_(out) {}

Terminal::~Terminal() {
  if (cursor_hidden_) write("\x1b[?25h");
}

Look Terminal::look() const {
  return look_for(facts_of(out_));
}

int Terminal::height() const {
  return facts_of(out_).height;
}

bool Terminal::can_redraw() const {
  const TerminalFacts facts = facts_of(out_);
  return facts.is_terminal && !facts.dumb;
}

void Terminal::write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void Terminal::lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  write(text);
}

void Terminal::frame(const std::vector<std::string>& lines) {
  if (!cursor_hidden_) write("\x1b[?25l");
  cursor_hidden_ = true;
  write(redraw(lines, frame_lines_));
  frame_lines_ = lines.size();
}

bool Terminal::broken() const {
  return std::ferror(out_) != 0;
}

}  // namespace sluice::cli
