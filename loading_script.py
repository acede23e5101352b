"""Build the configs of the dataset from a local folder, or from the Hub before it has the card.

``datasets`` no longer runs scripts of a Hub repo. The card there lists the files of each config, so
``load_dataset("luchaoqi/TalkingHeadBench", "p3")`` needs no script. This file builds the same
configs without a card::

    python loading_script.py p3-hallo --base-path data/hub --real-root data/real_videos
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from thb_dataset.builder import DEFAULT_BASE_PATH, TalkingHeadBench, TalkingHeadBenchConfig
from thb_dataset.errors import THBError
from thb_dataset.hub.index import DEFAULT_CONFIG, config_names

__all__ = ["TalkingHeadBench", "TalkingHeadBenchConfig", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build one config into the cache of `datasets`, and print what it holds.

    Args:
        arguments: The command line; None stands for that of the process.

    Returns:
        The exit code: 0, or that of the error.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config", nargs="?", default=DEFAULT_CONFIG, choices=config_names())
    parser.add_argument(
        "--base-path",
        default=DEFAULT_BASE_PATH,
        help="a folder, or hf://datasets/<org>/<name>[@<revision>]",
    )
    parser.add_argument("--real-root", help="the folder of your real videos")
    parser.add_argument("--split-by", default="release", choices=("release", "driver"))
    parser.add_argument("--split-list", default="default", choices=("default", "official_ff++"))
    parser.add_argument("--cache-dir", help="the folder in which `datasets` keeps the rows")
    chosen = parser.parse_args(arguments)
    try:
        builder = TalkingHeadBench(
            config_name=chosen.config,
            base_path=chosen.base_path,
            real_root=chosen.real_root,
            split_by=chosen.split_by,
            split_list=chosen.split_list,
            cache_dir=chosen.cache_dir,
        )
        builder.download_and_prepare()
    except THBError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    for name, table in builder.as_dataset().items():
        available = sum(row is not None for row in table.data.column("video").to_pylist())
        sys.stdout.write(f"{name}: {len(table)} videos, {available} of them available\n")
    sys.stdout.write(f"{builder.cache_dir}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
