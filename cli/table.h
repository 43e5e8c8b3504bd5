// Tables as kubectl prints them, bars, and colours that mean something. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

enum class Tone {
  kPlain,
  kStrong,
  kFaint,
  kGood,  ///< As asked for.
  kBusy,  ///< Under way.
  kBad,   ///< A person should look.
};

/// How text is to be shown.
struct Look {
  int width = 0;         ///< Cells a line; 0 for any number.
  bool colors = false;   ///< ANSI, and only where a person sees it.
  bool unicode = false;  ///< Whether bars and marks may be more than ASCII.
};

std::string paint(std::string_view text, Tone tone, bool colors);

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

struct Column {
  std::string name;
  bool right = false;  ///< Figures stand at the right.
  /// Where the table is too wide, the column may be cut down to so many cells; 0 for not at all.
  int width_min = 0;
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  ///< As many cells as columns; missing ones are empty.
};

/// The lines, the header first. Columns are three blanks apart, or less where the width asks for it; what does not fit
/// even so is cut off at the right.
std::vector<std::string> render(const Table& table, const Look& look);

/// A bar of `width` cells, `done` from 0 to 1: "█████▌░░░░" in eighths of a cell, or "#####-----".
std::string bar(double done, int width, bool unicode);

}  // namespace sluice::cli
