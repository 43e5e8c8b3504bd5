// Memory that a process holds and does not need.
#pragma once

namespace sluice {

/// Gives back what only the start of this process needed: freed heap, and the pages of the program and its libraries
/// that have been read so far. Those are clean copies of files: whichever is needed again comes back from the page
/// cache, 64 KiB at a time, in some microseconds. To be called once all is set up. Threads: any; others go on
/// meanwhile.
void forget_startup();

/// Gives back freed heap, what a burst of work leaves behind: malloc alone keeps it. Takes a millisecond or so, in
/// which allocations wait. Threads: any.
void give_back_heap();

}  // namespace sluice
