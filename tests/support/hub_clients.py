"""Cases of what a user does with the Hub, each run in a process of its own.

``HF_ENDPOINT`` and ``HF_HOME`` are read when the clients are imported, so every case needs a new
process. ``python -m tests.support.hub_clients`` imports the libraries that know no Hub, and forks
for each case that it reads from stdin. The child imports the clients and writes its answer to a
file.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

COLUMNS = (
    "video_id",
    "video",
    "audio",
    "label",
    "generator",
    "portrait",
    "driver",
    "real_dataset",
    "release_split",
    "path",
)


def digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a checksum of rows, whatever their order."""
    ordered = sorted(([row[name] for name in COLUMNS] for row in rows), key=lambda row: row[0])
    return hashlib.sha256(json.dumps(ordered).encode()).hexdigest()


def publish(release: str, repo: str, **options: Any) -> dict[str, Any]:
    from thb.publishing.dataset import publish_dataset

    if options.get("dry_run"):
        options["dry_run"] = Path(options["dry_run"])
    return publish_dataset(release, repo=repo, **options).to_dict()


def load_configs(repo: str, configs: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """Load configs with `datasets` alone, and return a checksum of every split."""
    import datasets

    datasets.disable_progress_bars()
    names = configs or datasets.get_dataset_config_names(repo, **options)
    loaded: dict[str, Any] = {}
    for name in names:
        data = datasets.load_dataset(repo, name, **options)
        loaded[name] = {split: read_split(table) for split, table in data.items()}
    default = datasets.load_dataset(repo, **options)
    features = {name: repr(kind) for name, kind in next(iter(default.values())).features.items()}
    return {
        "configs": loaded,
        "default": {split: read_split(table) for split, table in default.items()},
        "features": features,
    }


def read_split(table: Any) -> dict[str, Any]:
    # Read the rows as they are stored: iterating over the dataset would decode or cast each row.
    stored = table.data.to_pylist()
    rows = [{**row, "video": path(row["video"]), "audio": path(row["audio"])} for row in stored]
    return {"rows": len(rows), "digest": digest(rows)}


def path(media: Mapping[str, Any] | None) -> str | None:
    if media is None:
        return None
    assert media["bytes"] is None, "a video was embedded"
    return str(media["path"])


def stream(repo: str, config: str) -> dict[str, Any]:
    import datasets

    data = datasets.load_dataset(repo, config, streaming=True)
    ids = {
        split: sorted(row["video_id"] for row in table.decode(False))
        for split, table in data.items()
    }
    return {"ids": ids}


def load(**options: Any) -> dict[str, Any]:
    """Call thb.load, and return the video of each row."""
    import thb

    data = thb.load(**options)
    return {
        split: {row["video_id"]: path(row["video"]) for row in table}
        for split, table in data.items()
    }


def with_packaged(packaged: str, what: str, **options: Any) -> dict[str, Any]:
    """Run a case as if this folder of indexes were part of the wheel."""
    from thb_dataset.hub import packaged_index

    packaged_index.PACKAGED = Path(packaged)
    return CASES[what](**options)


def load_with_workers(**options: Any) -> dict[str, Any]:
    """Read the files of a split in two worker processes of a torch DataLoader."""
    import torch.utils.data
    from torch.utils.data import DataLoader

    import thb

    table = thb.load(**options)["train"]
    loader = DataLoader(table, batch_size=2, num_workers=2, collate_fn=sizes)
    found: dict[str, int] = {}
    for batch in loader:
        found.update(batch)
    return {"sizes": found, "workers": torch.utils.data.get_worker_info() is None}


def sizes(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["video_id"]: Path(row["video"]["path"]).stat().st_size for row in rows}


def decode_over_http(repo: str, config: str) -> dict[str, Any]:
    """Decode the first fake of a published config straight from the Hub."""
    import av
    import datasets
    from huggingface_hub import HfFileSystem

    data = datasets.load_dataset(repo, config, split="test")
    plain = data.cast_column("video", datasets.Video(decode=False)).remove_columns("audio")
    row = next(row for row in plain if row["video"] is not None)
    with HfFileSystem().open(row["video"]["path"], "rb") as file, av.open(file) as container:
        frame = next(container.decode(video=0))
    return {"path": row["video"]["path"], "size": [frame.width, frame.height]}


def build(
    base_path: str, config: str, *, streaming: bool = False, **options: Any
) -> dict[str, Any]:
    """Build a config with the builder of loading_script.py."""
    import datasets

    from loading_script import TalkingHeadBench

    datasets.disable_progress_bars()
    builder = TalkingHeadBench(base_path=base_path, config_name=config, **options)
    if streaming:
        data = builder.as_streaming_dataset()
        plain = {name: list(table.decode(False)) for name, table in data.items()}
    else:
        builder.download_and_prepare()
        data = builder.as_dataset()
        plain = {
            name: list(
                table.cast_column("video", datasets.Video(decode=False)).cast_column(
                    "audio", datasets.Audio(decode=False)
                )
            )
            for name, table in data.items()
        }
    return {
        split: {row["video_id"]: [path(row["video"]), path(row["audio"])] for row in rows}
        for split, rows in plain.items()
    }


def verify(release: str) -> dict[str, Any]:
    from thb.releases.opening import scan_release_named
    from thb_dataset.release.scan import audit_release

    return audit_release(scan_release_named(release)).to_dict()


def read(repo: str, name: str, **options: Any) -> dict[str, Any]:
    """Read one small file."""
    from thb_dataset.hub.files import read_hub_file

    file = read_hub_file(repo, name, **options)
    return {"text": None if file is None else file.read_text("utf-8")}


def fetch(repo: str, **changes: Any) -> dict[str, Any]:
    """Fetch published weights of which more is known than the table says."""
    from dataclasses import replace

    from detectors.fetching import fetch_published
    from detectors.published import find_by_repo

    weights = find_by_repo(repo)
    assert weights is not None
    return {"folder": str(fetch_published(replace(weights, **changes)))}


def command(arguments: list[str]) -> dict[str, Any]:
    """Run the command line."""
    from thb.cli import main

    try:
        main(arguments)
    except SystemExit as end:
        return {"exit": end.code}
    raise AssertionError("main() always ends by SystemExit")


def measure(metric: str, inputs: dict[str, Any], card: str) -> dict[str, Any]:
    """Load a metric with `evaluate` as anybody would, compute it, and run a card's examples."""
    import doctest

    from detectors.torchvision_guard import make_torchvision_importable

    make_torchvision_importable()  # evaluate imports transformers, and that torchvision
    import evaluate

    evaluate.utils.logging.disable_progress_bar()
    loaded = evaluate.load(metric)
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    examples = parser.get_doctest(card, {}, "card", None, 0)
    runner.run(examples)
    return {
        "computed": loaded.compute(**inputs),
        "description": loaded.inputs_description,
        "examples": [runner.tries, runner.failures],
    }


CASES: dict[str, Callable[..., dict[str, Any]]] = {
    case.__name__: case
    for case in (
        publish,
        load_configs,
        stream,
        load,
        with_packaged,
        load_with_workers,
        decode_over_http,
        build,
        verify,
        read,
        fetch,
        command,
        measure,
    )
}


def run(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": CASES[name](**arguments)}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


IMPORTED_ONCE = (
    "aiohttp",
    "av",
    "dill",
    "fsspec.implementations.http",
    "multiprocess",
    "numpy",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "rich.console",
    "scipy.io",
    "typer",
    "xxhash",
    "yaml",
)


def serve() -> None:
    """Read cases from stdin, run each in a child, and report on stdout when it has ended."""
    for module in IMPORTED_ONCE:
        importlib.import_module(module)
    assert not {"huggingface_hub", "datasets"} & set(sys.modules)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run_forked(**json.loads(line))
        os.waitpid(child, 0)
        print("ended", flush=True)  # noqa: T201 — the answer that the test waits for


def run_forked(case: str, options: dict[str, Any], env: dict[str, str], folder: str) -> NoReturn:
    os.environ.clear()
    os.environ.update(env)
    for name, number in (("stdout", 1), ("stderr", 2)):
        with Path(folder, name).open("wb") as file:
            os.dup2(file.fileno(), number)
    answer = run(case, options)
    Path(folder, "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    serve()
