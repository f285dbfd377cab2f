/* The wall clock of the process that this is loaded into (LD_PRELOAD), moved by as many nanoseconds as stand in the file that $SOAK_CLOCK names: eight
 * bytes in the machine's order. The monotonic clock, which Envoy's timers go by, is left alone, as a step of a real wall clock leaves it.
 *
 * It allocates nothing and takes no lock. libfaketime 0.9.10 cannot stand here (seen with Envoy 1.40.0, by a debugger): its first call looks for
 * __ftime, which glibc no longer has; dlsym asks malloc, which is Envoy's, for room to say so; that sets itself up and calls poll, in whose place
 * libfaketime stands, too; which begins anew, and in the second malloc Envoy waits for itself for ever, before its first thread. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic(volatile long long *) shift;

__attribute__((constructor)) static void map(void) {
    const char *name = getenv("SOAK_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(0, sizeof(long long), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) shift = page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    volatile long long *by = shift;
    if (failed || !by || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
    long long nanoseconds = (long long)now->tv_sec * 1000000000 + now->tv_nsec + *by;
    now->tv_sec = nanoseconds / 1000000000;
    now->tv_nsec = nanoseconds % 1000000000;
    return 0;
}
