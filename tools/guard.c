#include "tools/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* ---- temporary files ---- */

/* A text and its companion, a model and its data: few at a time. */
enum { PLACES = 8, LONGEST = 4096 };
static char paths[PLACES][LONGEST];
static volatile sig_atomic_t taken[PLACES];

void guard_temporary(const char *path, bool begins) {
  size_t length = strlen(path);
  for (int i = 0; i < PLACES; i++) {
    if (begins ? taken[i] || length >= LONGEST : !taken[i] || strcmp(paths[i], path) != 0) continue;
    if (begins) memcpy(paths[i], path, length + 1);
    taken[i] = begins; /* after the path, so that a signal finds all of it */
    return;
  }
}

/* ---- signals ---- */

/* The handler is for one time: raised again, the signal ends the command, and its status says so. */
static void ended(int number) {
  for (int i = 0; i < PLACES; i++)
    if (taken[i]) unlink(paths[i]);
  raise(number);
}

static void handle(int number) {
  struct sigaction before, ours = {.sa_handler = ended, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
  sigemptyset(&ours.sa_mask);
  if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_DFL) sigaction(number, &ours, NULL);
}

/* A file opened in the place of a closed stream would get what is printed. */
static void occupy(int fd, int flags) {
  if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) return;
  const int made = open("/dev/null", flags);
  if (made >= 0 && made != fd) {
    dup2(made, fd);
    close(made);
  }
}

void guard_begin(void) {
  occupy(STDIN_FILENO, O_WRONLY); /* so that a read fails, and so a write below */
  occupy(STDOUT_FILENO, O_RDONLY);
  occupy(STDERR_FILENO, O_WRONLY);
  signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
  signal(SIGXFSZ, SIG_IGN);
#endif
  handle(SIGINT);
  handle(SIGTERM);
  handle(SIGHUP);
}

/* ---- an end that can wait ---- */

static volatile sig_atomic_t interrupted;

/* The second one does not wait. */
static void wait_for_end(int number) {
  struct sigaction ours = {.sa_handler = ended, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
  interrupted = 1;
  sigemptyset(&ours.sa_mask);
  sigaction(number, &ours, NULL);
}

void guard_defer(void) {
  struct sigaction before, ours = {.sa_handler = wait_for_end, .sa_flags = SA_RESTART};
  sigemptyset(&ours.sa_mask);
  if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(SIGINT, &ours, NULL);
}

bool guard_interrupted(void) { return interrupted != 0; }

void guard_end(void) {
  if (interrupted) raise(SIGINT);
}
