# The service with its map page; the store lies in the volume /data.
FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/emberline
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
COPY . .
RUN make setup && rm -rf service/web/node_modules

FROM python:3.11-slim-bookworm
COPY --from=build /opt/emberline /opt/emberline
RUN useradd --create-home --uid 10001 emberline && mkdir /data && chown emberline /data
USER emberline
WORKDIR /data
VOLUME /data
ENV PATH=/opt/emberline/.venv/bin:$PATH EMBERLINE_STORE_URL=duckdb:////data/emberline.duckdb
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
# Inside the container every interface is the container's own; publish the port on loopback or behind a proxy.
CMD ["emberline", "serve", "--host", "0.0.0.0", "--insecure"]
