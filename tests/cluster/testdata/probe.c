// The program that the node's test runs in a pod.
//   probe serve PORT         answers each TCP connection with "NAME PEER\n": its host name and the client's address
//   probe get HOST PORT      prints what such a server answers; HOST goes through the pod's resolver
//   probe connect HOST PORT  only connects: for a server that waits for the client to speak first
//   probe limits             prints what a pod may have: descriptors and the accept queue's length
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char* what) {
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  return 1;
}

static void answer(int client, const struct sockaddr_in* peer) {
  char name[256], address[INET_ADDRSTRLEN], text[512];
  gethostname(name, sizeof name);
  inet_ntop(AF_INET, &peer->sin_addr, address, sizeof address);
  const int length = snprintf(text, sizeof text, "%s %s\n", name, address);
  if (write(client, text, (size_t)length) != length) fail("write");
  close(client);
}

static int serve(const char* port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  if (bind(listener, (struct sockaddr*)&here, sizeof here) != 0) return fail("bind");
  if (listen(listener, 1024) != 0) return fail("listen");
  printf("serving on %s\n", port);
  fflush(stdout);
  for (;;) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    const int client = accept(listener, (struct sockaddr*)&peer, &length);
    if (client >= 0) answer(client, &peer);
  }
}

static int connect_to(const char* host, const char* port) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  const int error = getaddrinfo(host, port, &hints, &found);
  if (error != 0) {
    fprintf(stderr, "probe: %s: %s\n", host, gai_strerror(error));
    return -1;
  }
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(server, found->ai_addr, found->ai_addrlen) != 0) {
    fail("connect");
    return -1;
  }
  freeaddrinfo(found);
  return server;
}

static int get(const char* host, const char* port) {
  const int server = connect_to(host, port);
  if (server < 0) return 1;
  char text[512];
  ssize_t length;
  while ((length = read(server, text, sizeof text)) > 0) fwrite(text, 1, (size_t)length, stdout);
  return 0;
}

static int limits(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return fail("getrlimit");
  FILE* file = fopen("/proc/sys/net/core/somaxconn", "r");
  int somaxconn = 0;
  if (file == NULL || fscanf(file, "%d", &somaxconn) != 1) return fail("somaxconn");
  fclose(file);
  printf("descriptors %lu somaxconn %d\n", (unsigned long)files.rlim_cur, somaxconn);
  return 0;
}

int main(int count, char** words) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, _exit);  // as the first process of a container it has no default action for it
  if (count == 3 && strcmp(words[1], "serve") == 0) return serve(words[2]);
  if (count == 4 && strcmp(words[1], "get") == 0) return get(words[2], words[3]);
  if (count == 4 && strcmp(words[1], "connect") == 0) return connect_to(words[2], words[3]) < 0;
  if (count == 2 && strcmp(words[1], "limits") == 0) return limits();
  fprintf(stderr, "usage: probe serve PORT | probe get|connect HOST PORT | probe limits\n");
  return 2;
}
