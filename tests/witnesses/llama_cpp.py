"""llama.cpp's own server as a command: `python llama_cpp.py WEIGHTS PORT ALIAS KEY`. Serves until it is killed."""

import signal
import sys

import xllamacpp


def main(weights: str, port: int, alias: str, key: str) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {alias}
    params.port = port
    params.api_keys = [key]
    params.n_parallel = 2
    params.n_ctx = 8_192
    params.n_predict = 120  # where a call names no limit: a page that is cut off takes seconds
    params.cache_ram_mib = 0  # its default takes a gigabyte
    params.cpuparams.n_threads = 1  # several wait for each other, where others use the processors too
    params.cpuparams_batch.n_threads = 2
    # Calls name the temperature 0, and so have one answer; pages are written as by qdpi's own local model.
    params.sampling.seed = 7
    params.sampling.temp = 0.9
    params.sampling.min_p = 0.05
    params.sampling.penalty_repeat = 1.15
    params.sampling.dry_multiplier = 0.8
    server = xllamacpp.Server(params)
    signal.pause()
    del server


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
