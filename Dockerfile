# The ledger as one image for every service: `docker build -t aitelier-ledger .`
# Built where there is a compiler, which makes the codec's quick way; run where there is neither
# that nor pip, on the same Debian and the same Python, by a user without rights.
FROM python:3.13.5-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv --without-pip /opt/ledger \
    && pip --python /opt/ledger/bin/python install --require-hashes --only-binary :all: \
        -r requirements.lock
# What builds the wheel, at the locked versions and hashes.
RUN awk '/^[a-z]/ { \
        keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } keep' \
        requirements-dev.lock > build.lock \
    && pip install --require-hashes --only-binary :all: -r build.lock
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/ledger/bin/python install --no-deps /wheels/*.whl

FROM python:3.13.5-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ledger
COPY --from=build /opt/ledger /opt/ledger
ENV PATH=/opt/ledger/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["ledger"]
CMD ["--help"]
