# docker build --build-arg METHOD=NestFuse_2020 -t nestfuse .
# docker run -it nestfuse
# An image of one method: it lists the flags of run_fusion.py and goes on as a shell. README.md
# has commands that fuse and train.
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*  # what OpenCV needs

ARG METHOD=DenseFuse_2019
WORKDIR /method
COPY ${METHOD}/requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY ${METHOD} .

CMD ["bash", "-c", "python run_fusion.py --help && exec bash"]
