/* Callgrind's window, switched by the program under measurement itself: from outside it is always late. */
#include <valgrind/callgrind.h>

void window_open(void)
{
    CALLGRIND_ZERO_STATS;
    CALLGRIND_START_INSTRUMENTATION;
}

void window_close(void)
{
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS;
}
