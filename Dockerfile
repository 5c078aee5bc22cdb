# One image for all services: docker build -t parley:0.1.0 .   docker run parley:0.1.0 svc_message
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv --without-pip /opt/parley
WORKDIR /src
COPY requirements.lock ./
# Everything by its hash, and as wheels: what has none would need a compiler.
RUN pip --python /opt/parley/bin/python install --require-hashes --only-binary :all: --requirement requirements.lock
COPY . .
# The wheel is made with the locked build tools, which then leave: none of them is in the image.
RUN /opt/parley/bin/python -m hatchling build -t wheel \
 && pip --python /opt/parley/bin/python install --no-index --no-deps dist/*.whl \
 && pip --python /opt/parley/bin/python uninstall --yes uv hatchling editables \
 && /opt/parley/bin/python -m compileall -q /opt/parley/lib

FROM python:3.11.14-slim-bookworm
# pip is for building. Numeric, so that Kubernetes can see that it is not root.
RUN pip uninstall --yes pip setuptools wheel && rm -rf /root/.cache /usr/local/lib/python3.11/ensurepip
COPY --from=build /opt/parley /opt/parley
ENV PATH=/opt/parley/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 7700
# Nothing is written but to /tmp, and that only by libraries: run it with a read-only root.
ENTRYPOINT ["python", "-P", "-m"]
CMD ["svc_gateway"]
