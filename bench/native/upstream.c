/* The backend of the benchmark: one thread, epoll, keep-alive.

       upstream PORT AUTHORIZATION...

   GET answers 200 with a JSON document of exactly as many bytes as the last segment of the path says. Any other method
   answers 200 with a short document once the whole body was read. A request whose Authorization is none of those given
   is answered 401: a proxy that doesn't rewrite it is found out. A body without Content-Length is answered 411. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, CONNECTIONS = 4096, SIZES = 16, EVENTS = 256, SHORT_BYTES = 128 };

struct answer { size_t body_bytes, bytes; char *data; };

struct connection {
    char head[HEAD_BYTES];
    size_t head_bytes;       /* of the request's head so far */
    size_t body_bytes;       /* of the request's body still to come */
    const char *rest;        /* of the answer still to be sent */
    size_t rest_bytes;
    int reading_body, close_after, waits_for_room;
};

static struct connection *connections[CONNECTIONS];
static struct answer answers[SIZES];
static struct answer refused, no_length;
static char **accepted;
static int epoll;

static void die(const char *what) { perror(what); exit(1); }

static struct answer make(const char *status, size_t body_bytes) {
    static const char start[] = "{\"status_code\":1000,\"timestamp\":\"2026-01-01T00:00:00Z\",\"data\":\"", end[] = "\"}";
    char head[256];
    int head_bytes = snprintf(head, sizeof head,
        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, body_bytes);
    struct answer made = {body_bytes, head_bytes + body_bytes, malloc(head_bytes + body_bytes)};
    if (!made.data) die("malloc");
    memcpy(made.data, head, head_bytes);
    memset(made.data + head_bytes, 'x', body_bytes);
    memcpy(made.data + head_bytes, start, sizeof start - 1);
    memcpy(made.data + made.bytes - 2, end, 2);
    return made;
}

static struct answer *answer_of(size_t body_bytes) {
    if (body_bytes < SHORT_BYTES) body_bytes = SHORT_BYTES;
    for (int i = 0; i < SIZES; i++) {
        if (!answers[i].data) answers[i] = make("200 OK", body_bytes);
        if (answers[i].body_bytes == body_bytes) return &answers[i];
    }
    fprintf(stderr, "more than %d sizes were asked for\n", SIZES);
    exit(1);
}

/* The value of a header in a head that ends with a zero byte, or NULL. */
static const char *header(const char *head, const char *name) {
    size_t name_bytes = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, name, name_bytes) && line[name_bytes] == ':') {
            line += name_bytes + 1;
            while (*line == ' ') line++;
            return line;
        }
    }
    return NULL;
}

static int is_authorized(const char *head) {
    const char *value = header(head, "authorization");
    if (!value) return 0;
    for (char **each = accepted; *each; each++) {
        size_t bytes = strlen(*each);
        if (!strncmp(value, *each, bytes) && value[bytes] == '\r') return 1;
    }
    return 0;
}

static const struct answer *judge(struct connection *c) {
    char *end_of_path = strpbrk(strchr(c->head, ' ') + 1, " ?");
    const char *digits = end_of_path;
    while (isdigit((unsigned char)digits[-1])) digits--;
    if (!is_authorized(c->head)) return &refused;
    if (header(c->head, "transfer-encoding")) return &no_length;
    return answer_of(!strncmp(c->head, "GET ", 4) ? strtoul(digits, NULL, 10) : SHORT_BYTES);
}

static void drop(int fd) {
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void want(int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event)) die("epoll_ctl");
}

/* Send what is left; gives 0 when the connection is gone. */
static int push(int fd, struct connection *c) {
    while (c->rest_bytes) {
        ssize_t sent = send(fd, c->rest, c->rest_bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            if (!c->waits_for_room) want(fd, EPOLLOUT);
            c->waits_for_room = 1;
            return 1;
        }
        if (sent < 0) { drop(fd); return 0; }
        c->rest += sent;
        c->rest_bytes -= sent;
    }
    if (c->close_after) { drop(fd); return 0; }
    if (c->waits_for_room) want(fd, EPOLLIN);
    c->waits_for_room = 0;
    return 1;
}

static int finish(int fd, struct connection *c) {
    const struct answer *answer = judge(c);
    const char *wish = header(c->head, "connection");
    c->close_after = answer == &no_length || (wish && !strncasecmp(wish, "close", 5));
    c->rest = answer->data;
    c->rest_bytes = answer->bytes;
    c->head_bytes = 0;
    c->reading_body = 0;
    return push(fd, c);
}

/* Read once; gives 0 when there is nothing more to read now. */
static int pull(int fd, struct connection *c) {
    static char scratch[1 << 16];
    if (c->reading_body) {
        size_t most = c->body_bytes < sizeof scratch ? c->body_bytes : sizeof scratch;
        ssize_t got = recv(fd, scratch, most, 0);
        if (got < 0 && errno == EAGAIN) return 0;
        if (got <= 0) { drop(fd); return 0; }
        c->body_bytes -= got;
        return c->body_bytes ? 1 : finish(fd, c) && 0;
    }
    ssize_t got = recv(fd, c->head + c->head_bytes, HEAD_BYTES - 1 - c->head_bytes, 0);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) { drop(fd); return 0; }
    c->head_bytes += got;
    c->head[c->head_bytes] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return 1;
    size_t early = c->head_bytes - (end + 4 - c->head);
    end[2] = 0;
    const char *length = header(c->head, "content-length");
    c->body_bytes = length ? strtoul(length, NULL, 10) : 0;
    c->body_bytes -= early < c->body_bytes ? early : c->body_bytes;
    c->reading_body = c->body_bytes > 0;
    return c->reading_body ? 1 : finish(fd, c) && 0;
}

static void welcome(int listener) {
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= CONNECTIONS || !(connections[fd] = calloc(1, sizeof *connections[fd]))) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
    }
}

int main(int count, char **words) {
    if (count < 3) { fprintf(stderr, "usage: upstream PORT AUTHORIZATION...\n"); return 2; }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    accepted = words + 2;
    refused = make("401 Unauthorized", SHORT_BYTES);
    no_length = make("411 Length Required", SHORT_BYTES);
    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024)) die("listen");
    epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) die("epoll_ctl");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) { welcome(listener); continue; }
            struct connection *c = connections[fd];
            if (!c) continue;
            if (c->rest_bytes) push(fd, c);
            else while (pull(fd, c)) { }
        }
    }
}
