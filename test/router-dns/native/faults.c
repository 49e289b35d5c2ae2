/*
 * Stands before the C library's recvmmsg and sendmmsg and lets calls fail in turn, with the error
 * numbers that a kernel can give and a test cannot make it give. Loaded by LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

static const int RECEIVE[] = {EINTR, ECONNREFUSED, ENOMEM, EHOSTUNREACH};
static const int SEND[] = {EINTR, EAGAIN, ENOBUFS, EPERM, ENETUNREACH, EINVAL, EMSGSIZE};

int recvmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags, struct timespec *timeout) {
  static int (*real)(int, struct mmsghdr *, unsigned, int, struct timespec *);
  static unsigned calls;
  if (!real) real = dlsym(RTLD_NEXT, "recvmmsg");
  calls += 1;
  if (calls % 2 == 1) {
    errno = RECEIVE[calls / 2 % (sizeof RECEIVE / sizeof *RECEIVE)];
    return -1;
  }
  return real(fd, headers, count, flags, timeout);
}

/* Every second call fails, and the others send one datagram of those that are to be sent. */
int sendmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags) {
  static int (*real)(int, struct mmsghdr *, unsigned, int);
  static unsigned calls;
  if (!real) real = dlsym(RTLD_NEXT, "sendmmsg");
  calls += 1;
  if (calls % 2 == 1) {
    errno = SEND[calls / 2 % (sizeof SEND / sizeof *SEND)];
    return -1;
  }
  return real(fd, headers, count > 1 ? 1 : count, flags);
}
