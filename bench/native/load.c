/* The clients of the benchmark: one thread, epoll, keep-alive, one request at a time on each connection.

       load PORT FILE REQUEST_BYTES CONNECTIONS

   FILE holds requests of REQUEST_BYTES each, which are sent in turn. The program opens its connections; then it runs for
   as many milliseconds as each line of standard input says, waits for the answers still to come, and prints one line:
   a JSON object with what came. Between two lines nothing is in flight, so what others read of the CPU time that a proxy
   has used so far belongs to whole requests. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 65536, EVENTS = 256, STATUSES = 600, SECOND_NS = 1000000000, PATIENCE_MS = 30000 };

struct connection {
    int fd;
    char head[HEAD_BYTES];
    size_t head_bytes, body_bytes; /* of the head so far; of the body still to come */
    int reading_body, close_after;
    uint64_t started;              /* ns */
};

static struct { uint64_t requests, bytes, reconnects, statuses[STATUSES], shortest, longest; } seen = {.shortest = UINT64_MAX};
static uint32_t *latencies; /* ns each */
static size_t latencies_room;
static struct sockaddr_in there;
static char *requests;
static size_t request_bytes, request_count, turn, in_flight;
static uint64_t until;
static int epoll;

static void die(const char *what) { perror(what); exit(1); }
static void fail(const char *what) { fprintf(stderr, "%s\n", what); exit(1); }

static uint64_t now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (uint64_t)moment.tv_sec * SECOND_NS + moment.tv_nsec;
}

static void open_connection(struct connection *c) {
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&there, sizeof there)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

static void ask(struct connection *c) {
    if (c->close_after) {
        close(c->fd);
        open_connection(c);
        seen.reconnects++;
    }
    c->head_bytes = c->reading_body = c->close_after = 0;
    c->started = now();
    const char *request = requests + turn++ % request_count * request_bytes;
    if (send(c->fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes) die("send");
    in_flight++;
}

static void note(struct connection *c) {
    uint64_t moment = now(), took = moment - c->started;
    if (seen.requests == latencies_room) {
        latencies_room = latencies_room ? latencies_room * 2 : 1 << 16;
        if (!(latencies = realloc(latencies, latencies_room * sizeof *latencies))) die("realloc");
    }
    latencies[seen.requests++] = took < UINT32_MAX ? took : UINT32_MAX;
    in_flight--;
    if (moment < until) ask(c);
}

static const char *header(const char *head, const char *name) {
    size_t name_bytes = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, name, name_bytes) && line[name_bytes] == ':') return line + name_bytes + 1;
    }
    return NULL;
}

/* Read an answer's head, and the part of its body that came along. */
static void read_head(struct connection *c) {
    ssize_t got = recv(c->fd, c->head + c->head_bytes, HEAD_BYTES - 1 - c->head_bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) fail("a connection was closed before its answer came");
    c->head_bytes += got;
    c->head[c->head_bytes] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) {
        if (c->head_bytes == HEAD_BYTES - 1) fail("the head of an answer is too long");
        return;
    }
    end[2] = 0;
    int status = strncmp(c->head, "HTTP/1.1 ", 9) ? 0 : atoi(c->head + 9);
    const char *length = header(c->head, "content-length"), *wish = header(c->head, "connection");
    if (status < 200 || status >= STATUSES) fail("an answer is not HTTP/1.1, or only an interim one");
    if (!length) fail("an answer has no Content-Length");
    uint64_t body_bytes = strtoull(length, NULL, 10), early = c->head_bytes - (end + 4 - c->head);
    if (early > body_bytes) fail("an answer is longer than it says");
    while (wish && *wish == ' ') wish++;
    c->close_after = wish && !strncasecmp(wish, "close", 5);
    seen.statuses[status]++;
    seen.bytes += body_bytes;
    if (body_bytes < seen.shortest) seen.shortest = body_bytes;
    if (body_bytes > seen.longest) seen.longest = body_bytes;
    c->body_bytes = body_bytes - early;
    c->reading_body = 1;
}

static void read_some(struct connection *c) {
    if (!c->reading_body) {
        read_head(c);
        if (c->reading_body && !c->body_bytes) note(c);
        return;
    }
    /* MSG_TRUNC: the kernel throws the bytes away without copying them here. */
    ssize_t got = recv(c->fd, NULL, c->body_bytes, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) fail("a connection was closed in the middle of an answer");
    c->body_bytes -= got;
    if (!c->body_bytes) note(c);
}

static int by_size(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void report(uint64_t took) {
    qsort(latencies, seen.requests, sizeof *latencies, by_size);
    printf("{\"requests\": %lu, \"bytes\": %lu, \"reconnects\": %lu, \"shortest\": %lu, \"longest\": %lu, \"seconds\": %.6f, "
           "\"p50_us\": %.2f, \"p99_us\": %.2f, \"statuses\": {",
           seen.requests, seen.bytes, seen.reconnects, seen.shortest, seen.longest, took / 1e9,
           latencies[seen.requests / 2] / 1e3, latencies[seen.requests * 99 / 100] / 1e3);
    const char *comma = "";
    for (int status = 0; status < STATUSES; status++)
        if (seen.statuses[status]) {
            printf("%s\"%d\": %lu", comma, status, seen.statuses[status]);
            comma = ", ";
        }
    printf("}}\n");
    fflush(stdout);
    memset(&seen, 0, sizeof seen);
    seen.shortest = UINT64_MAX;
}

static void run(struct connection *all, size_t count, uint64_t duration) {
    struct epoll_event events[EVENTS];
    uint64_t started = now();
    until = started + duration;
    for (size_t i = 0; i < count; i++) ask(&all[i]);
    while (in_flight) {
        int ready = epoll_wait(epoll, events, EVENTS, PATIENCE_MS);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        if (!ready) fail("no answer came for 30 seconds");
        for (int i = 0; i < ready; i++) read_some(events[i].data.ptr);
    }
    report(now() - started);
}

static void read_requests(const char *name) {
    FILE *file = fopen(name, "rb");
    if (!file || fseek(file, 0, SEEK_END)) die(name);
    size_t bytes = ftell(file);
    rewind(file);
    request_count = bytes / request_bytes;
    if (!request_count || bytes % request_bytes) fail("the file is not made of whole requests");
    if (!(requests = malloc(bytes)) || fread(requests, 1, bytes, file) != bytes) die(name);
    fclose(file);
}

int main(int count, char **words) {
    if (count != 5) fail("usage: load PORT FILE REQUEST_BYTES CONNECTIONS");
    char line[64];
    there = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(words[1])),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    request_bytes = strtoul(words[3], NULL, 10);
    read_requests(words[2]);
    size_t clients = strtoul(words[4], NULL, 10);
    struct connection *all = calloc(clients, sizeof *all);
    if (!all) die("calloc");
    epoll = epoll_create1(0);
    for (size_t i = 0; i < clients; i++) open_connection(&all[i]);
    while (fgets(line, sizeof line, stdin)) run(all, clients, strtoull(line, NULL, 10) * 1000000);
    return 0;
}
