# The three images, for people with Docker or Podman: one stage compiles, each target holds one program and its libraries.
#
#   docker build --target operator -t REGISTRY/sluice-operator:0.1.0 .     likewise adapter, gateway
#
# `make images` makes the same images without a container tool.
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts/packages.txt scripts/packages.txt
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates $(awk '$2 == "build" {print $1}' scripts/packages.txt) \
 && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -DSLUICE_TESTS=OFF "-DSLUICE_COMPONENTS=operator;adapter;gateway" \
 && cmake --build --preset release
# Beside the program: the loader and the libraries that ldd names, and an account for a user of 65532.
RUN set -eu; \
    for part in operator adapter gateway; do \
      program=sluice-$part; root=/image/$part; \
      install -D -m 755 "build/release/$part/$program" "$root/usr/bin/$program"; \
      strip --strip-debug "$root/usr/bin/$program"; \
      ldd "$root/usr/bin/$program" | awk '$2 == "=>" {print $3} $1 ~ /^\// {print $1}' | while read -r library; do \
        install -D -m 755 "$library" "$root$library"; \
      done; \
      mkdir -p "$root/etc"; install -d -m 1777 "$root/tmp"; \
      printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' > "$root/etc/passwd"; \
      printf 'root:x:0:\nnonroot:x:65532:\n' > "$root/etc/group"; \
      printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"; \
    done; \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/adapter/etc/ssl/certs/ca-certificates.crt

FROM scratch AS operator
COPY --from=build /image/operator/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/sluice-operator"]

FROM scratch AS adapter
COPY --from=build /image/adapter/ /
USER 65532:65532
EXPOSE 6443
ENTRYPOINT ["/usr/bin/sluice-adapter"]

FROM scratch AS gateway
COPY --from=build /image/gateway/ /
USER 65532:65532
EXPOSE 8080 8443 9901 9902
ENTRYPOINT ["/usr/bin/sluice-gateway"]
