# Two stages: the first brings everything from Debian and the npm registry and picks what runs, the second has nothing else:
# no shell, no package manager. What takes the room is said in ARCHITECTURE.md.
# The Node of package.json, by digest. A mirror's name for it can be given, or what the tests have made where no registry can be reached.
ARG NODE_IMAGE=node:26.10.0-trixie-slim@sha256:ec7758ee051e457b468b32bde57b0879010b325bb9862718e9615225ce4aaae1
FROM ${NODE_IMAGE} AS build
# Debian 13 has Compose 2.26, which does not know post_start and !override. The next Debian's runs on 13 (it needs libc 2.34 or newer) and alone is
# taken from there: everything else of that source is pinned below what is installed. When it has moved on, name its version here, and run the tests.
# Its index may be old: it is signed, and the version is named, so the check of its age would do nothing but stop builds behind a slow mirror.
ARG COMPOSE_VERSION=2.40.*
RUN site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/*$') \
 && echo "deb [check-valid-until=no signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site forky main" > /etc/apt/sources.list.d/forky.list \
 && printf 'Package: *\nPin: release n=forky\nPin-Priority: 1\n' > /etc/apt/preferences.d/forky \
 && apt-get update \
 && apt-get install -y --no-install-recommends binutils ca-certificates "docker-compose=$COMPOSE_VERSION" redis-server tini util-linux \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml .pnpmfile.cjs ./
COPY apps/api/package.json apps/api/
COPY apps/worker/package.json apps/worker/
COPY apps/cli/package.json apps/cli/
COPY packages/shared/package.json packages/shared/
RUN npx -y "$(node -p "require('./package.json').packageManager")" install --prod --frozen-lockfile \
 && find node_modules -type f \( -name '*.map' -o -name '*.md' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
 && find node_modules/.pnpm/@scalar* -type f ! -name standalone.js ! -name package.json ! -name LICENSE -delete
COPY apps apps
COPY packages packages
COPY launcher launcher
COPY docker /tmp/docker/
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN sh /tmp/docker/warm-compile-cache.sh && sh /tmp/docker/collect-files.sh /rootfs

FROM scratch
COPY --from=build /rootfs /
WORKDIR /app
ENV PATH=/usr/local/bin:/usr/bin \
    HOME=/root \
    NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/.compile-cache \
    DATA_DIR=/data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --start-interval=1s CMD ["node", "launcher/health.ts"]
# V8 takes compiled code only under the options that it was made with: docker/warm-compile-cache.sh has the same.
ENTRYPOINT ["tini", "--", "node", "--max-semi-space-size=4", "--heap-growing-percent=80", "launcher/main.ts"]
CMD ["all"]
