/* Before each sync of a file, looks for an order in the file $DEPUTY_FAULTS:
   "kill N": dies at the Nth sync from now on; "fail": every sync fails from now on, and nothing reaches the disk by it.
   "kill-send N" means what is sent over sockets instead: to the database, and to clients. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* 1: fail. Does not return where the order is to die now. */
static int obey(const char *kill_order) {
  const char *path = getenv("DEPUTY_FAULTS");
  if (!path) return 0;
  char order[64] = {0};
  int fails = 0, count = 0;
  pthread_mutex_lock(&turn);
  FILE *file = fopen(path, "r");
  if (file) {
    if (fgets(order, sizeof order, file)) {
      size_t length = strlen(kill_order);
      if (!strncmp(order, kill_order, length) && order[length] == ' ') count = atoi(order + length + 1);
      else if (!strcmp(kill_order, "kill") && !strncmp(order, "fail", 4)) fails = 1;
    }
    fclose(file);
  }
  if (count == 1) kill(getpid(), SIGKILL);
  if (count > 1 && (file = fopen(path, "w"))) {
    fprintf(file, "%s %d\n", kill_order, count - 1);
    fclose(file);
  }
  pthread_mutex_unlock(&turn);
  return fails;
}

int fdatasync(int fd) {
  if (obey("kill")) { errno = EIO; return -1; }
  return syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
  if (obey("kill")) { errno = EIO; return -1; }
  return syscall(SYS_fsync, fd);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  obey("kill-send");
  return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
}
