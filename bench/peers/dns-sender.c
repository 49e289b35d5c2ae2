/*
 * Asks a DNS server over UDP as fast as it answers: keeps a fixed number of questions under way and
 * sends and receives in batches, so that one core of this keeps any server on another one busy.
 *
 *   dns-sender PORT FILE SECONDS UNDER_WAY
 *
 * FILE holds questions, each behind its length in two octets. Prints one line of JSON: answers,
 * those of them with NOERROR and a record, questions given up, seconds, and the 50th and 99th
 * percentile of the time to an answer in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
  SOCKETS = 8, /* several ports, as several resolvers have */
  BATCH = 64,
  ANSWER_BYTES = 4096,
  IDS = 65536,
  GIVE_UP_NS = 200 * 1000 * 1000,
  BUCKETS = 4096, /* of latency: 16 for each power of two of nanoseconds */
  BUFFER_BYTES = 4 << 20
};

typedef struct {
  int fd;
  unsigned under_way;
  uint16_t next_id;
  int64_t sent_at[IDS]; /* 0 for none under way */
} Flow;

static Flow flows[SOCKETS];
static uint8_t *questions[1 << 20];
static uint16_t lengths[1 << 20];
static unsigned question_count;
static uint64_t latencies[BUCKETS];

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static unsigned bucket_of(int64_t ns) {
  if (ns < 16) return 0;
  unsigned power = 63 - __builtin_clzll((uint64_t)ns);
  unsigned bucket = power * 16 + ((uint64_t)ns >> (power - 4) & 15);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double percentile_us(double part, uint64_t total) {
  uint64_t seen = 0;
  for (unsigned i = 0; i < BUCKETS; i += 1) {
    seen += latencies[i];
    if (seen > 0 && seen >= part * total) {
      return (double)((uint64_t)(16 + i % 16) << (i / 16)) / 16 / 1000;
    }
  }
  return 0;
}

static void load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(2);
  uint8_t head[2];
  while (question_count < 1 << 20 && fread(head, 1, 2, file) == 2) {
    uint16_t length = (uint16_t)(head[0] << 8 | head[1]);
    uint8_t *question = malloc(length);
    if (!question || fread(question, 1, length, file) != length) exit(2);
    questions[question_count] = question;
    lengths[question_count] = length;
    question_count += 1;
  }
  fclose(file);
  if (question_count == 0) exit(2);
}

static void open_flow(Flow *flow, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int bytes = BUFFER_BYTES;
  flow->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (connect(flow->fd, (struct sockaddr *)&address, sizeof address) != 0) exit(2);
}

static void fill(Flow *flow, unsigned wanted) {
  static struct mmsghdr headers[BATCH];
  static struct iovec parts[BATCH];
  static unsigned question;
  while (flow->under_way < wanted) {
    unsigned count = wanted - flow->under_way < BATCH ? wanted - flow->under_way : BATCH;
    int64_t now = now_ns();
    for (unsigned i = 0; i < count; i += 1) {
      uint8_t *packet = questions[question];
      uint16_t id = flow->next_id++;
      packet[0] = id >> 8;
      packet[1] = (uint8_t)id;
      flow->sent_at[id] = now;
      parts[i].iov_base = packet;
      parts[i].iov_len = lengths[question];
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      question = (question + 1) % question_count;
    }
    int sent = sendmmsg(flow->fd, headers, count, 0);
    unsigned done = sent < 0 ? 0 : (unsigned)sent;
    for (unsigned i = done; i < count; i += 1) flow->sent_at[--flow->next_id] = 0;
    flow->under_way += done;
    if (done < count) return;
  }
}

static uint64_t take(Flow *flow, uint64_t *good) {
  static uint8_t answers[BATCH][ANSWER_BYTES];
  static struct mmsghdr headers[BATCH];
  static struct iovec parts[BATCH];
  uint64_t taken = 0;
  for (unsigned i = 0; i < BATCH; i += 1) {
    parts[i].iov_base = answers[i];
    parts[i].iov_len = ANSWER_BYTES;
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  int count = recvmmsg(flow->fd, headers, BATCH, MSG_DONTWAIT, NULL);
  int64_t now = now_ns();
  for (int i = 0; i < count; i += 1) {
    uint8_t *answer = answers[i];
    uint16_t id = (uint16_t)(answer[0] << 8 | answer[1]);
    if (headers[i].msg_len < 12 || flow->sent_at[id] == 0) continue;
    latencies[bucket_of(now - flow->sent_at[id])] += 1;
    flow->sent_at[id] = 0;
    flow->under_way -= 1;
    taken += 1;
    if ((answer[3] & 15) == 0 && (answer[6] | answer[7])) *good += 1;
  }
  return taken;
}

static uint64_t give_up(Flow *flow) {
  uint64_t lost = 0;
  int64_t before = now_ns() - GIVE_UP_NS;
  for (unsigned id = 0; id < IDS; id += 1) {
    if (flow->sent_at[id] == 0 || flow->sent_at[id] > before) continue;
    flow->sent_at[id] = 0;
    lost += 1;
  }
  flow->under_way -= lost;
  return lost;
}

int main(int count, char **arguments) {
  if (count != 5) return 2;
  load(arguments[2]);
  unsigned each = (unsigned)atoi(arguments[4]) / SOCKETS;
  struct pollfd polls[SOCKETS];
  for (int i = 0; i < SOCKETS; i += 1) {
    open_flow(&flows[i], (uint16_t)atoi(arguments[1]));
    polls[i] = (struct pollfd){.fd = flows[i].fd, .events = POLLIN};
  }
  uint64_t answered = 0, good = 0, lost = 0;
  int64_t start = now_ns();
  int64_t end = start + (int64_t)(atof(arguments[3]) * 1e9);
  int64_t looked = start;
  while (now_ns() < end) {
    uint64_t taken = 0;
    for (int i = 0; i < SOCKETS; i += 1) {
      fill(&flows[i], each);
      taken += take(&flows[i], &good);
    }
    answered += taken;
    if (taken == 0) poll(polls, SOCKETS, 10);
    if (now_ns() - looked < GIVE_UP_NS) continue;
    looked = now_ns();
    for (int i = 0; i < SOCKETS; i += 1) lost += give_up(&flows[i]);
  }
  printf("{\"answered\":%lu,\"good\":%lu,\"lost\":%lu,\"seconds\":%.3f,\"p50\":%.1f,\"p99\":%.1f}\n",
         answered, good, lost, (now_ns() - start) / 1e9, percentile_us(0.5, answered),
         percentile_us(0.99, answered));
  return 0;
}
