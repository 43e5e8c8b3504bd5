#include "operator/rollout_news.h"

#include <doctest/doctest.h>

namespace sluice::op {
namespace {

using kube::Json;

Json status(const char* current, const char* update, const char* of_rollout, const char* reason = "RollingOut") {
  return {{"currentRevision", current},
          {"updateRevision", update},
          {"rollout", {{"revision", of_rollout}}},
          {"conditions",
           Json::array({{{"type", "Progressing"}, {"reason", reason}, {"message", "nothing has moved for 10m0s"}}})}};
}

/// "RolloutStarted(started) CanaryFailed!(halted)": events in turn, warnings with a mark, and the results.
std::string words(const Json& before, const Json& after, CanaryNews canary = CanaryNews::kNone) {
  CanaryDecision decision;
  decision.news = canary;
  const RolloutNews news = rollout_news(before, after, decision, {});
  std::string text;
  for (const Announcement& event : news.events) text += event.reason + (event.warning ? "! " : " ");
  for (const std::string& result : news.results) text += "(" + result + ")";
  return text;
}

}  // namespace

TEST_CASE("what happens to a rollout is told once, when the status changes") {
  const Json on_a = status("a", "a", "a", "AtTarget");
  const Json rolling = status("a", "b", "b");
  const Json through = status("b", "b", "b", "AtTarget");
  const Json late = status("a", "b", "b", "ProgressDeadlineExceeded");
  const Json refused = status("a", "b", "a", "TemplateRefused");
  struct Row {
    const char* name;
    Json before;
    Json after;
    CanaryNews canary;
    const char* told;
  };
  const Row rows[] = {
      {"the first template of all is no rollout", Json(), on_a, CanaryNews::kNone, ""},
      {"nothing new", rolling, rolling, CanaryNews::kNone, ""},
      {"a rollout begins", on_a, rolling, CanaryNews::kNone, "RolloutStarted (started)"},
      {"not where the template is refused", on_a, refused, CanaryNews::kNone, ""},
      {"but once it is taken", refused, rolling, CanaryNews::kNone, "RolloutStarted (started)"},
      {"it is through", rolling, through, CanaryNews::kNone, "RolloutCompleted (completed)"},
      {"it comes no further", rolling, late, CanaryNews::kNone, "ProgressDeadlineExceeded! (stalled)"},
      {"which is told once", late, late, CanaryNews::kNone, ""},
      {"a gate fails", rolling, rolling, CanaryNews::kFailed, "CanaryFailed! (halted)"},
      {"a step passes", rolling, rolling, CanaryNews::kPassed, "CanaryPassed "},
      {"a person passes it", rolling, rolling, CanaryNews::kPromoted, "CanaryPromoted (promoted)"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(row.before, row.after, row.canary) == row.told);
  }
}

TEST_CASE("the way back is told as such") {
  const RolloutNews news = rollout_news(status("a", "b", "b"), status("a", "a", "a"), {}, {});
  REQUIRE(news.events.size() == 1);
  CHECK(news.events[0].note == "the fleet goes back to revision a");
}

}  // namespace sluice::op
