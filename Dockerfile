# docker build -t kmlc .                                   for CPUs
# docker build -t kmlc --build-arg DEVICE=gpu .            for NVIDIA GPUs; run it with --gpus all
# docker run --rm -v "$PWD:/work" kmlc train --model hybrid --data my_folder
#
# /work is the folder that the commands run in: data and runs/ belong there. With a user id other than 1000, add
# --user "$(id -u):$(id -g)", so that what is written belongs to you.
FROM python:3.11-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY configs configs
COPY kmlc kmlc
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.11-slim
ARG DEVICE=cpu
COPY requirements.txt /tmp/
RUN pip install --no-cache-dir -r /tmp/requirements.txt
# CUDA and cuDNN come as wheels beside TensorFlow; the host needs the NVIDIA driver and its container toolkit.
RUN if [ "$DEVICE" = gpu ]; then \
      pip install --no-cache-dir -c /tmp/requirements.txt "tensorflow[and-cuda]"; \
    fi
COPY --from=wheel /wheel /tmp/wheel
RUN pip install --no-cache-dir --no-deps /tmp/wheel/*.whl
RUN useradd --uid 1000 kmlc && install --directory --owner kmlc /work
USER kmlc
# Anyone's user id can write the caches of Matplotlib and Keras here.
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["kmlc"]
CMD ["--help"]
