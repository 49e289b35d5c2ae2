/*
 * Moves UDP datagrams between the kernel and memory that JavaScript sees too, many with each
 * system call. It decides nothing: what a datagram says and what is answered is TypeScript's.
 *
 * One socket has a fixed number of slots. A slot is eight 32-bit words about one datagram (see
 * enum word), room for what came and room for what goes. A turn is: receive up to one datagram per
 * slot, call JavaScript once with their number, send what it has put into the slots. Nothing is
 * allocated after the start, and nothing is kept from one turn to the next, but for answers that
 * the kernel does not take: then nothing is received until it has taken them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <node_api.h>

/*
 * The few functions of libuv that are used. Node exports them, and they have not changed in any
 * libuv 1.x; the headers of Node-API do not have them, and those of libuv are seldom installed.
 */
typedef struct uv_poll_s uv_poll_t;
typedef void (*uv_poll_cb)(uv_poll_t *handle, int status, int events);
extern size_t uv_handle_size(int type);
extern void uv_handle_set_data(uv_poll_t *handle, void *data);
extern void *uv_handle_get_data(const uv_poll_t *handle);
extern int uv_poll_init(struct uv_loop_s *loop, uv_poll_t *handle, int fd);
extern int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb callback);
extern void uv_close(uv_poll_t *handle, void (*callback)(uv_poll_t *handle));
extern const char *uv_err_name(int error);
enum { UV_POLL_TYPE = 8, UV_READABLE = 1, UV_WRITABLE = 2 };

/* What TypeScript must expect: raised whenever the functions or the memory change. */
enum { LAYER_VERSION = 2 };

/* The words of a slot. */
enum word {
  RECEIVED_BYTES, /* of the datagram; TOO_LONG if it did not fit */
  ANSWER_BYTES,   /* to send; 0 for nothing */
  PORT,           /* of the sender */
  ADDRESS_BYTES,  /* 4 or 16 */
  ADDRESS,        /* and the three words behind it, in network order */
  SLOT_WORDS = 8
};

enum { TOO_LONG = 0xffffffffu };

/* Turns before timers and other sockets get theirs. */
enum { TURNS_MAX = 4 };

/* Linux has no error numbers beyond this. */
enum { ERRNO_MAX = 134 };

/* Bounds of what `open` takes. */
enum { SLOTS_MAX = 1024, SLOT_BYTES_MAX = 65536, HOST_BYTES = 64 };

typedef struct {
  napi_env env;
  napi_ref on_turn;
  napi_ref memory;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  uv_poll_t *poll;
  int fd;
  bool is_closing;
  bool is_waiting; /* for the kernel to take answers */
  unsigned holders; /* the loop and JavaScript: who lets go last frees */
  uint32_t slots;
  uint32_t slot_bytes;
  uint32_t *words;
  uint8_t *incoming;
  uint8_t *outgoing;
  struct mmsghdr *receives;
  struct mmsghdr *sends;
  struct iovec *receive_parts;
  struct iovec *send_parts;
  struct sockaddr_in6 *peers; /* also holds an IPv4 one, which is shorter */
  uint32_t queued;
  uint32_t next;
  uint64_t received;
  uint64_t sent;
  uint64_t receive_calls;
  uint64_t receive_errors[ERRNO_MAX];
  uint64_t send_errors[ERRNO_MAX];
} Socket;

static void on_ready(uv_poll_t *poll, int status, int events);

static void count_error(uint64_t *errors, int error) {
  if (error > 0 && error < ERRNO_MAX) errors[error] += 1;
  else errors[0] += 1;
}

static void release(Socket *s) {
  s->holders -= 1;
  if (s->holders > 0) return;
  free(s->poll);
  free(s->receives);
  free(s->sends);
  free(s->receive_parts);
  free(s->send_parts);
  free(s->peers);
  free(s);
}

/* Tells the sender's address and port to JavaScript. */
static void describe_peer(const struct sockaddr_in6 *peer, uint32_t *words) {
  if (peer->sin6_family == AF_INET) {
    const struct sockaddr_in *peer4 = (const struct sockaddr_in *)peer;
    words[PORT] = ntohs(peer4->sin_port);
    words[ADDRESS_BYTES] = 4;
    memcpy(&words[ADDRESS], &peer4->sin_addr, 4);
  } else {
    words[PORT] = ntohs(peer->sin6_port);
    words[ADDRESS_BYTES] = 16;
    memcpy(&words[ADDRESS], &peer->sin6_addr, 16);
  }
}

/* Fills slots from the first on. Gives their number; 0 if nothing has come. */
static uint32_t receive(Socket *s) {
  for (uint32_t i = 0; i < s->slots; i += 1) {
    s->receives[i].msg_hdr.msg_namelen = sizeof s->peers[i];
  }
  int count = recvmmsg(s->fd, s->receives, s->slots, MSG_DONTWAIT, NULL);
  s->receive_calls += 1;
  if (count <= 0) {
    if (count < 0 && errno != EAGAIN) count_error(s->receive_errors, errno);
    return 0;
  }
  s->received += count;
  for (int i = 0; i < count; i += 1) {
    uint32_t *words = s->words + (size_t)i * SLOT_WORDS;
    bool is_cut = (s->receives[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    words[RECEIVED_BYTES] = is_cut ? TOO_LONG : s->receives[i].msg_len;
    words[ANSWER_BYTES] = 0;
    describe_peer(&s->peers[i], words);
  }
  return (uint32_t)count;
}

/* Lines up the answers that JavaScript has put into the first slots. */
static void queue_answers(Socket *s, uint32_t count) {
  s->queued = 0;
  s->next = 0;
  for (uint32_t i = 0; i < count; i += 1) {
    uint32_t bytes = s->words[(size_t)i * SLOT_WORDS + ANSWER_BYTES];
    if (bytes == 0 || bytes > s->slot_bytes) continue;
    s->send_parts[s->queued].iov_base = s->outgoing + (size_t)i * s->slot_bytes;
    s->send_parts[s->queued].iov_len = bytes;
    s->sends[s->queued].msg_hdr.msg_name = &s->peers[i];
    s->sends[s->queued].msg_hdr.msg_namelen = s->receives[i].msg_hdr.msg_namelen;
    s->queued += 1;
  }
}

/*
 * Sends what is lined up. False if the kernel wants us to wait. An answer that cannot be sent for
 * any other reason is lost, and counted: those behind it go to other clients.
 */
static bool send_answers(Socket *s) {
  while (s->next < s->queued) {
    int count = sendmmsg(s->fd, s->sends + s->next, s->queued - s->next, MSG_DONTWAIT);
    if (count > 0) {
      s->next += count;
      s->sent += count;
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    count_error(s->send_errors, error);
    if (error == EAGAIN) return false;
    s->next += 1;
  }
  return true;
}

/* Calls JavaScript once for all datagrams of a turn. */
static void call(Socket *s, uint32_t count) {
  napi_env env = s->env;
  napi_handle_scope scope;
  napi_value on_turn, receiver, argument, result;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, s->on_turn, &on_turn) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok &&
      napi_create_uint32(env, count, &argument) == napi_ok) {
    napi_status status =
        napi_make_callback(env, s->context, receiver, on_turn, 1, &argument, &result);
    napi_value error;
    if (status == napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

/* libuv stops watching a socket with an error on it: takes the error away and watches again. */
static void clear_error(Socket *s) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  count_error(s->receive_errors, error);
  uv_poll_start(s->poll, s->is_waiting ? UV_WRITABLE : UV_READABLE, on_ready);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  Socket *s = uv_handle_get_data(poll);
  (void)events;
  if (status < 0) return clear_error(s);
  if (s->is_waiting) {
    if (!send_answers(s)) return;
    s->is_waiting = false;
    uv_poll_start(poll, UV_READABLE, on_ready);
  }
  for (int turn = 0; turn < TURNS_MAX; turn += 1) {
    uint32_t count = receive(s);
    if (count == 0) return;
    call(s, count);
    if (s->is_closing) return;
    queue_answers(s, count);
    if (!send_answers(s)) {
      s->is_waiting = true;
      uv_poll_start(poll, UV_WRITABLE, on_ready);
      return;
    }
    if (count < s->slots) return;
  }
}

static void on_closed(uv_poll_t *poll) {
  Socket *s = uv_handle_get_data(poll);
  napi_handle_scope scope;
  if (napi_open_handle_scope(s->env, &scope) == napi_ok) {
    napi_delete_reference(s->env, s->on_turn);
    napi_delete_reference(s->env, s->memory);
    napi_async_destroy(s->env, s->context);
    napi_close_handle_scope(s->env, scope);
  }
  if (s->cleanup != NULL) napi_remove_async_cleanup_hook(s->cleanup);
  release(s);
}

static void close_socket(Socket *s) {
  if (s->is_closing) return;
  s->is_closing = true;
  uv_close(s->poll, on_closed);
  close(s->fd);
}

/* A thread that ends takes its sockets along. */
static void on_environment_end(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  close_socket(data);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  Socket *s = data;
  close_socket(s);
  release(s);
}

/* Throws an error as Node's own functions do: with the name of `error` as its code. */
static napi_value throw_errno(napi_env env, const char *what, int error) {
  const char *name = uv_err_name(-error);
  char message[128];
  size_t length = strlen(what);
  if (length > 64) length = 64;
  memcpy(message, what, length);
  message[length] = ' ';
  strncpy(message + length + 1, name, sizeof message - length - 2);
  message[sizeof message - 1] = '\0';
  napi_throw_error(env, name, message);
  return NULL;
}

static napi_value throw_usage(napi_env env, const char *message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", message);
  return NULL;
}

/* Points every header at its slot. False if there is no memory for that. */
static bool lay_out(Socket *s, uint8_t *memory) {
  size_t slots = s->slots;
  s->words = (uint32_t *)memory;
  s->incoming = memory + slots * SLOT_WORDS * sizeof(uint32_t);
  s->outgoing = s->incoming + slots * s->slot_bytes;
  s->receives = calloc(slots, sizeof *s->receives);
  s->sends = calloc(slots, sizeof *s->sends);
  s->receive_parts = calloc(slots, sizeof *s->receive_parts);
  s->send_parts = calloc(slots, sizeof *s->send_parts);
  s->peers = calloc(slots, sizeof *s->peers);
  s->poll = calloc(1, uv_handle_size(UV_POLL_TYPE));
  if (!s->receives || !s->sends || !s->receive_parts || !s->send_parts || !s->peers || !s->poll) {
    return false;
  }
  for (size_t i = 0; i < slots; i += 1) {
    s->receive_parts[i].iov_base = s->incoming + i * s->slot_bytes;
    s->receive_parts[i].iov_len = s->slot_bytes;
    s->receives[i].msg_hdr.msg_iov = &s->receive_parts[i];
    s->receives[i].msg_hdr.msg_iovlen = 1;
    s->receives[i].msg_hdr.msg_name = &s->peers[i];
    s->sends[i].msg_hdr.msg_iov = &s->send_parts[i];
    s->sends[i].msg_hdr.msg_iovlen = 1;
  }
  return true;
}

/* Binds a socket. Gives it, or an error number less than 0. */
static int bind_socket(const char *host, uint16_t port, bool reuse_port, int buffer_bytes) {
  struct sockaddr_in6 address = {0};
  struct sockaddr_in *address4 = (struct sockaddr_in *)&address;
  socklen_t length = sizeof address;
  int one = 1;
  if (inet_pton(AF_INET, host, &address4->sin_addr) == 1) {
    address4->sin_family = AF_INET;
    address4->sin_port = htons(port);
    length = sizeof *address4;
  } else if (inet_pton(AF_INET6, host, &address.sin6_addr) == 1) {
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
  } else {
    return -EINVAL;
  }
  int family = length == sizeof address ? AF_INET6 : AF_INET;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  /* The kernel may give less than asked for; that is no reason not to serve. */
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  bool is_set =
      (family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
      (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0);
  if (is_set && bind(fd, (struct sockaddr *)&address, length) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

/* Starts to watch a bound socket. Gives an error number, 0 for none. */
static int watch(Socket *s) {
  struct uv_loop_s *loop;
  if (napi_get_uv_event_loop(s->env, &loop) != napi_ok) return EINVAL;
  int error = uv_poll_init(loop, s->poll, s->fd);
  if (error != 0) return -error;
  uv_handle_set_data(s->poll, s);
  error = uv_poll_start(s->poll, UV_READABLE, on_ready);
  return error == 0 ? 0 : -error;
}

/* open(host, port, reusePort, receiveBufferBytes, { memory, slots, slotBytes, onTurn }) */
static napi_value open_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[5], value, name, external;
  size_t count = 5, length, memory_bytes;
  char host[HOST_BYTES];
  uint32_t port;
  int32_t buffer_bytes;
  bool reuse_port;
  void *memory;
  Socket *s = calloc(1, sizeof *s);
  if (s == NULL) return throw_errno(env, "open", ENOMEM);
  s->env = env;
  s->holders = 1;
  bool is_valid =
      napi_get_cb_info(env, info, &count, arguments, NULL, NULL) == napi_ok && count == 5 &&
      napi_get_value_string_utf8(env, arguments[0], host, sizeof host, &length) == napi_ok &&
      napi_get_value_uint32(env, arguments[1], &port) == napi_ok && port <= 65535 &&
      napi_get_value_bool(env, arguments[2], &reuse_port) == napi_ok &&
      napi_get_value_int32(env, arguments[3], &buffer_bytes) == napi_ok &&
      napi_get_named_property(env, arguments[4], "slots", &value) == napi_ok &&
      napi_get_value_uint32(env, value, &s->slots) == napi_ok &&
      napi_get_named_property(env, arguments[4], "slotBytes", &value) == napi_ok &&
      napi_get_value_uint32(env, value, &s->slot_bytes) == napi_ok &&
      napi_get_named_property(env, arguments[4], "memory", &value) == napi_ok &&
      napi_get_arraybuffer_info(env, value, &memory, &memory_bytes) == napi_ok;
  size_t needed = (size_t)s->slots * (SLOT_WORDS * sizeof(uint32_t) + 2 * (size_t)s->slot_bytes);
  if (!is_valid || s->slots == 0 || s->slots > SLOTS_MAX || s->slot_bytes > SLOT_BYTES_MAX ||
      memory_bytes < needed) {
    release(s);
    return throw_usage(env, "open: arguments, or the size of the memory, are not right");
  }
  if (!lay_out(s, memory)) {
    release(s);
    return throw_errno(env, "open", ENOMEM);
  }
  s->fd = bind_socket(host, (uint16_t)port, reuse_port, buffer_bytes);
  if (s->fd < 0) {
    int error = -s->fd;
    release(s);
    return throw_errno(env, "bind", error);
  }
  int error = watch(s);
  if (error != 0) {
    close(s->fd);
    release(s);
    return throw_errno(env, "watch", error);
  }
  bool is_kept =
      napi_create_reference(env, value, 1, &s->memory) == napi_ok &&
      napi_get_named_property(env, arguments[4], "onTurn", &value) == napi_ok &&
      napi_create_reference(env, value, 1, &s->on_turn) == napi_ok &&
      napi_create_string_utf8(env, "meridian.udp", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_async_init(env, NULL, name, &s->context) == napi_ok &&
      napi_add_async_cleanup_hook(env, on_environment_end, s, &s->cleanup) == napi_ok;
  s->holders = 2;
  if (is_kept && napi_create_external(env, s, on_collected, NULL, &external) == napi_ok) {
    return external;
  }
  s->holders = 1;
  close_socket(s);
  return throw_usage(env, "open: onTurn is not a function, or there is no memory left");
}

/* The socket that the first argument is; NULL after throwing. */
static Socket *socket_of(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count < 1 ||
      napi_get_value_external(env, argument, &data) != napi_ok) {
    throw_usage(env, "the first argument is not a socket");
    return NULL;
  }
  return data;
}

/* port(socket): the port that it is bound to. */
static napi_value port_of(napi_env env, napi_callback_info info) {
  Socket *s = socket_of(env, info);
  if (s == NULL) return NULL;
  struct sockaddr_in6 address;
  socklen_t length = sizeof address;
  napi_value result;
  if (s->is_closing) return throw_errno(env, "port", EBADF);
  if (getsockname(s->fd, (struct sockaddr *)&address, &length) != 0) {
    return throw_errno(env, "port", errno);
  }
  /* The port stands at the same place for both families. */
  napi_create_uint32(env, ntohs(address.sin6_port), &result);
  return result;
}

static void set_number(napi_env env, napi_value object, const char *name, uint64_t number) {
  napi_value value;
  if (napi_create_double(env, (double)number, &value) == napi_ok) {
    napi_set_named_property(env, object, name, value);
  }
}

/* Those error numbers that have happened, by name. */
static napi_value errors_of(napi_env env, const uint64_t *errors) {
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  for (int error = 0; error < ERRNO_MAX; error += 1) {
    if (errors[error] == 0) continue;
    set_number(env, result, error == 0 ? "other" : uv_err_name(-error), errors[error]);
  }
  return result;
}

/* counters(socket): { received, sent, receiveCalls, receiveErrors, sendErrors } */
static napi_value counters_of(napi_env env, napi_callback_info info) {
  Socket *s = socket_of(env, info);
  if (s == NULL) return NULL;
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  set_number(env, result, "received", s->received);
  set_number(env, result, "sent", s->sent);
  set_number(env, result, "receiveCalls", s->receive_calls);
  napi_set_named_property(env, result, "receiveErrors", errors_of(env, s->receive_errors));
  napi_set_named_property(env, result, "sendErrors", errors_of(env, s->send_errors));
  return result;
}

/*
 * send(socket, address, port, message): one datagram of its own, for an answer that was not ready
 * when its turn ended. One that the kernel does not take is lost, and counted.
 */
static napi_value send_of(napi_env env, napi_callback_info info) {
  Socket *s = socket_of(env, info);
  if (s == NULL) return NULL;
  napi_value arguments[4];
  size_t count = 4, address_bytes, message_bytes;
  void *address, *message;
  napi_typedarray_type type;
  uint32_t port;
  bool is_valid =
      napi_get_cb_info(env, info, &count, arguments, NULL, NULL) == napi_ok && count == 4 &&
      napi_get_typedarray_info(env, arguments[1], &type, &address_bytes, &address, NULL, NULL) ==
          napi_ok &&
      type == napi_uint8_array && (address_bytes == 4 || address_bytes == 16) &&
      napi_get_value_uint32(env, arguments[2], &port) == napi_ok && port <= 65535 &&
      napi_get_typedarray_info(env, arguments[3], &type, &message_bytes, &message, NULL, NULL) ==
          napi_ok &&
      type == napi_uint8_array;
  if (!is_valid) return throw_usage(env, "send: arguments are not right");
  if (s->is_closing) return NULL;
  struct sockaddr_in6 peer = {0};
  struct sockaddr_in *peer4 = (struct sockaddr_in *)&peer;
  socklen_t length = address_bytes == 4 ? sizeof *peer4 : sizeof peer;
  if (address_bytes == 4) {
    peer4->sin_family = AF_INET;
    peer4->sin_port = htons((uint16_t)port);
    memcpy(&peer4->sin_addr, address, 4);
  } else {
    peer.sin6_family = AF_INET6;
    peer.sin6_port = htons((uint16_t)port);
    memcpy(&peer.sin6_addr, address, 16);
  }
  ssize_t sent =
      sendto(s->fd, message, message_bytes, MSG_DONTWAIT, (struct sockaddr *)&peer, length);
  if (sent < 0) count_error(s->send_errors, errno);
  else s->sent += 1;
  return NULL;
}

/* close(socket): the port is free when it returns. Closing again does nothing. */
static napi_value close_of(napi_env env, napi_callback_info info) {
  Socket *s = socket_of(env, info);
  if (s != NULL) close_socket(s);
  return NULL;
}

static bool export(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

NAPI_MODULE_INIT() {
  bool is_ready = export(env, exports, "open", open_socket) &&
                  export(env, exports, "port", port_of) &&
                  export(env, exports, "counters", counters_of) &&
                  export(env, exports, "send", send_of) &&
                  export(env, exports, "close", close_of);
  if (!is_ready) return throw_usage(env, "the functions of the UDP layer cannot be made");
  set_number(env, exports, "version", LAYER_VERSION);
  return exports;
}
