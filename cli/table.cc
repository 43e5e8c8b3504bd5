#include "cli/table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/text_width.h"

namespace sluice::cli {
namespace {

constexpr int kGap = 3;
constexpr int kGapMin = 1;

/// Takes cells off the columns that may be cut, the widest first, until `excess` is gone or none is left to cut.
void shrink(const std::vector<Column>& columns, std::vector<int>& widths, int excess) {
  while (excess > 0) {
    int widest = -1;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].width_min == 0 || widths[i] <= columns[i].width_min) continue;
      if (widest < 0 || widths[i] > widths[static_cast<std::size_t>(widest)]) widest = static_cast<int>(i);
    }
    if (widest < 0) return;
    --widths[static_cast<std::size_t>(widest)];
    --excess;
  }
}

int total(const std::vector<int>& widths, int gap) {
  return std::accumulate(widths.begin(), widths.end(), 0) + gap * (static_cast<int>(widths.size()) - 1);
}

}  // namespace

std::string paint(std::string_view text, Tone tone, bool colors) {
  if (!colors || tone == Tone::kPlain || text.empty()) return std::string(text);
  const char* code = "";
  switch (tone) {
    case Tone::kPlain:
      break;
    case Tone::kStrong:
      code = "1";
      break;
    case Tone::kFaint:
      code = "2";
      break;
    case Tone::kGood:
      code = "32";
      break;
    case Tone::kBusy:
      code = "33";
      break;
    case Tone::kBad:
      code = "1;31";
      break;
  }
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

std::vector<std::string> render(const Table& table, const Look& look) {
  std::vector<int> widths;
  for (const Column& column : table.columns) widths.push_back(display_width(column.name));
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i].text));
    }
  }
  int gap = kGap;
  if (look.width > 0) {
    while (gap > kGapMin && total(widths, gap) > look.width) --gap;
    shrink(table.columns, widths, total(widths, gap) - look.width);
  }
  const auto line_of = [&](const auto& cell_of) {
    std::string line;
    int used = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const Cell cell = cell_of(i);
      const int before = i == 0 ? 0 : gap;
      int width = widths[i];
      if (look.width > 0) width = std::min(width, look.width - used - before);
      if (width <= 0) break;
      const std::string text = fit(cell.text, width, look.unicode);
      const int blank = width - display_width(text);
      const bool right = table.columns[i].right;
      line += std::string(static_cast<std::size_t>(before + (right ? blank : 0)), ' ') +
              paint(text, cell.tone, look.colors) + std::string(static_cast<std::size_t>(right ? 0 : blank), ' ');
      used += before + width;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  };
  std::vector<std::string> lines;
  lines.push_back(line_of([&](std::size_t i) { return Cell{table.columns[i].name, Tone::kStrong}; }));
  for (const auto& row : table.rows) {
    lines.push_back(line_of([&](std::size_t i) { return i < row.size() ? row[i] : Cell{}; }));
  }
  return lines;
}

std::string bar(double done, int width, bool unicode) {
  done = std::isfinite(done) ? std::clamp(done, 0.0, 1.0) : 0.0;
  std::string out;
  if (!unicode) {
    const int full = static_cast<int>(std::floor(done * width));
    return std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(width - full), '-');
  }
  static constexpr const char* kParts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::floor(done * width * 8));
  int used = 0;
  for (; used < eighths / 8; ++used) out += "█";
  if (eighths % 8 > 0) {
    out += kParts[eighths % 8];
    ++used;
  }
  for (; used < width; ++used) out += "░";
  return out;
}

}  // namespace sluice::cli
