// The commands: each reads or writes the cluster and prints. One file a command (or a pair): command_<name>.cc.
#pragma once

#include "cli/arguments.h"
#include "cli/session.h"
#include "common/base/result.h"

namespace sluice::cli {

Status run_plan(Session& session, const Parsed& parsed);
Status run_status(Session& session, const Parsed& parsed);
Status run_top(Session& session, const Parsed& parsed);
Status run_drain(Session& session, const Parsed& parsed);
Status run_undrain(Session& session, const Parsed& parsed);
Status run_pause(Session& session, const Parsed& parsed);
Status run_resume(Session& session, const Parsed& parsed);
Status run_promote(Session& session, const Parsed& parsed);
Status run_rollback(Session& session, const Parsed& parsed);
Status run_history(Session& session, const Parsed& parsed);
Status run_events(Session& session, const Parsed& parsed);

}  // namespace sluice::cli
