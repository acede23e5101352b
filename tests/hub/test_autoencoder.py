"""The image autoencoder of pseudo-fakes comes from the Hub: two files of the named revision."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.loopback_hub import LoopbackHub

REPO = "someone/tiny-vae"
FILES = {
    "config.json": b"{}",
    "diffusion_pytorch_model.safetensors": b"weights",
    "diffusion_pytorch_model.bin": b"never read",
}
FIND = """
import sys
from thb.preprocessing.image_autoencoder import find_autoencoder
folder = find_autoencoder(sys.argv[1], progress=False)
print(sorted(path.name for path in folder.iterdir()))
print((folder / "diffusion_pytorch_model.safetensors").read_bytes())
"""


def find(hub: LoopbackHub, home: Path, name: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", FIND, name],
        env=hub.environment(home),
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def test_the_two_files_of_the_named_commit_are_fetched_once(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    commit = hub.create(REPO, FILES)
    hub.change(REPO, add={"diffusion_pytorch_model.safetensors": b"a later commit"})
    code, text = find(hub, tmp_path / "home", f"{REPO}@{commit}")
    assert code == 0, text
    names, weights = text.splitlines()
    assert names == str(["config.json", "diffusion_pytorch_model.safetensors"])
    assert weights == "b'weights'"
    assert not hub.requested(".bin")
    loads = [line for line in hub.requested("safetensors") if line.startswith("GET")]
    assert find(hub, tmp_path / "home", f"{REPO}@{commit}") == (0, text)
    again = [line for line in hub.requested("safetensors") if line.startswith("GET")]
    assert len(loads) == len(again) == 1
    code, text = find(hub, tmp_path / "home", f"{REPO}@nowhere")
    assert code != 0
    assert f"hf download {REPO} config.json diffusion_pytorch_model.safetensors" in text
