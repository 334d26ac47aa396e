# kmstool with its extras, for jobs that run without a person: docker build -t kmstool .
#
# Nothing secret is needed to build it, and nothing is kept in a layer: credentials come when it runs, from a role of the
# pod, from variables or from a mounted file.

FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE hatch_build.py ./
COPY completions completions
COPY kmstool kmstool
ARG EXTRAS=sdk,dask,remote,s3,cos
RUN python -m venv --without-pip /opt/kmstool \
 && pip wheel --quiet --no-cache-dir --no-deps --wheel-dir /tmp/wheel . \
 && pip --python /opt/kmstool/bin/python install --quiet --no-cache-dir --no-compile "$(echo /tmp/wheel/kmstool-*.whl)[$EXTRAS]"

FROM python:3.13-slim
COPY --from=build /opt/kmstool /opt/kmstool
# The image's Python comes without byte code, and its user may not write any: each start would compile what it imports.
# Byte code that is checked by a hash at most stays valid where a builder sets the times of files.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib/python3.13 /opt/kmstool/lib \
 && useradd --uid 65532 --create-home --shell /usr/sbin/nologin kmstool
ENV PATH=/opt/kmstool/bin:/usr/local/bin:/usr/bin:/bin
USER 65532:65532
WORKDIR /home/kmstool
ENTRYPOINT ["kmstool"]
CMD ["--help"]
