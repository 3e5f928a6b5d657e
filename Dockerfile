# docker build -t compositional-rerank .
# docker run -p 8080:8080 -v my_store:/store compositional-rerank
# docker run -p 8080:8080 compositional-rerank --workers 2 --backend openvino
FROM python:3.12-slim

# PyPI's torch brings CUDA, some gigabytes of it.
ENV PIP_NO_CACHE_DIR=1 PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install '.[serve,offline,openvino]'

# The model is in the image: nothing is fetched at run time.
ENV HF_HUB_OFFLINE=1
RUN useradd --create-home service && mkdir /store && chown service /store
USER service
VOLUME /store
EXPOSE 8080
HEALTHCHECK --start-period=60s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=5)"]
ENTRYPOINT ["compositional-rerank", "serve", "--host", "0.0.0.0", "--port", "8080"]
CMD ["--store", "/store"]
