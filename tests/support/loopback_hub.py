"""A Hub on loopback, which answers the requests of the real clients from memory.

It has the routes that ``huggingface_hub`` and ``datasets`` use to list, read, range-read, upload,
commit and open pull requests. It keeps every request in ``requests``, so that a test can check what
was *not* asked for. It does not offer Xet, so clients run with ``HF_HUB_DISABLE_XET=1``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

WHEN = "2026-01-01T00:00:00.000Z"
LARGE = (".mp4", ".wav", ".parquet", ".safetensors")
PAGE = 1000


class HubError(Exception):
    """An answer other than 200, in the Hub's own form."""

    def __init__(self, status: int, code: str, message: str, commit: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": message}
        if commit is not None:
            self.headers["X-Repo-Commit"] = commit


@dataclass(frozen=True)
class Blob:
    """The bytes of one file; large files have the identity of a file in LFS."""

    data: bytes
    is_large: bool

    @classmethod
    def of(cls, path: str, data: bytes) -> Self:
        return cls(data, path.endswith(LARGE))

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def git_oid(self) -> str:
        head = b"blob %d\0" % len(self.data)
        return hashlib.sha1(head + self.data, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_large else self.git_oid

    def describe(self, path: str) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "type": "file",
            "path": path,
            "size": len(self.data),
            "oid": self.git_oid,
        }
        if self.is_large:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 130}
        return entry


Tree = dict[str, Blob]


@dataclass
class Repository:
    """Commits, branches and pull requests of one repo."""

    repo_id: str
    trees: dict[str, Tree] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    pulls: list[tuple[int, str]] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)

    def commit(self, tree: Tree, *, ref: str = "main", title: str = "commit") -> str:
        content = [title, len(self.trees), ref, sorted((p, b.etag) for p, b in tree.items())]
        sha = hashlib.sha1(json.dumps(content).encode(), usedforsecurity=False).hexdigest()
        self.trees[sha] = dict(tree)
        self.refs[ref] = sha
        return sha

    def resolve(self, revision: str) -> str:
        name = revision.removeprefix("refs/heads/")
        sha = self.refs.get(name) or (name if name in self.trees else None)
        if sha is None:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    def open_pull(self, tree: Tree, title: str) -> tuple[int, str]:
        number = len(self.pulls) + 1
        self.pulls.append((number, title))
        return number, self.commit(tree, ref=f"refs/pr/{number}", title=title)

    def merge(self, number: int) -> str:
        """Merge a pull request, as the owner of the repo would."""
        return self.commit(self.trees[self.refs[f"refs/pr/{number}"]], title=f"merge {number}")


class LoopbackHub:
    """The server, which runs within ``with LoopbackHub() as hub``; its address is ``endpoint``."""

    def __init__(self) -> None:
        self.datasets: dict[str, Repository] = {}
        self.uploads: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.lock = threading.RLock()
        self.refuse_eval_yaml = False
        self.damaged: dict[str, int] = {}
        self.failing: set[str] = set()
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home: Path) -> dict[str, str]:
        """Return the environment of a process that knows no other Hub and has read nothing of it.

        Args:
            home: The process's own ``HF_HOME``.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        return {
            **kept,
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_TOKEN": "hf_loopback",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": "1",
        }

    def create(self, repo_id: str, files: Mapping[str, bytes] | None = None) -> str:
        """Create a repo that holds these files; return its first commit."""
        repo = self.datasets[repo_id] = Repository(repo_id)
        return repo.commit({path: Blob.of(path, data) for path, data in (files or {}).items()})

    def create_from_folder(self, repo_id: str, folder: Path) -> str:
        """Create a repo that holds the files of a folder; return its first commit."""
        paths = (path for path in folder.rglob("*") if path.is_file())
        return self.create(
            repo_id, {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        )

    def change(
        self, repo_id: str, *, add: Mapping[str, bytes] | None = None, drop: Iterable[str] = ()
    ) -> str:
        """Commit a change to main, as somebody else would."""
        repo = self.datasets[repo_id]
        tree = dict(repo.trees[repo.refs["main"]])
        for path in drop:
            del tree[path]
        tree.update({path: Blob.of(path, data) for path, data in (add or {}).items()})
        return repo.commit(tree)

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        """Return the files of a commit."""
        repo = self.datasets[repo_id]
        tree = repo.trees[repo.resolve(revision)]
        return {path: blob.data for path, blob in tree.items()}

    def requested(self, ending: str) -> list[str]:
        """Return the requests for paths with an ending."""
        return [line for line in self.requests if line.split()[1].split("?")[0].endswith(ending)]


class Handler(BaseHTTPRequestHandler):
    """The handler of one request."""

    hub: ClassVar[LoopbackHub]
    protocol_version = "HTTP/1.1"
    # A small answer is sent at once: otherwise its body waits 40 ms until its head is acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 — names that http.server asks for

    def _answer(self) -> None:
        address = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.body = self._read_body()
        self.hub.requests.append(f"{self.command} {unquote(self.path)}")
        try:
            for method, pattern, route in ROUTES:
                match = re.fullmatch(pattern, address.path)
                if match and self.command in method:
                    with self.hub.lock if self.command == "POST" else nullcontext():
                        route(self, **{k: unquote(v) for k, v in match.groupdict("").items()})
                    return
            raise HubError(404, "", f"no route {self.command} {address.path}")
        except HubError as error:
            self._send(error.status, {"error": str(error)}, error.headers)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(
        self,
        status: int,
        body: Any = b"",
        headers: Mapping[str, str] | None = None,
        *,
        length: int | None = None,
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        sent = {"Content-Type": kind, "Content-Length": str(length or len(data))}
        for name, value in (sent | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _repo(self, repo_id: str) -> Repository:
        repo = self.hub.datasets.get(repo_id)
        if repo is None:
            raise HubError(401, "RepoNotFound", "Repository not found")
        return repo

    @property
    def _kind(self) -> str:
        """``datasets``, ``models`` or ``spaces``, as in ``/api/datasets/…``."""
        return self.path.split("/")[2]

    def _page(self, repo: str) -> str:
        """Return the address of a repo's page."""
        place = repo if self._kind == "models" else f"{self._kind}/{repo}"
        return f"{self.hub.endpoint}/{place}"

    def info(self, repo: str, revision: str = "") -> None:
        found = self._repo(repo)
        sha = found.resolve(revision or "main")
        record = {
            "_id": "0" * 24,
            "id": repo,
            "author": repo.partition("/")[0],
            "sha": sha,
            "lastModified": WHEN,
            "createdAt": WHEN,
            "private": False,
            "gated": False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": path} for path in sorted(found.trees[sha])],
        }
        self._send(200, record)

    def tree(self, repo: str, revision: str, path: str = "") -> None:
        found = self._repo(repo)
        files = found.trees[found.resolve(revision)]
        inside = f"{path.strip('/')}/" if path.strip("/") else ""
        entries = _list_tree(files, inside, deep=self.query.get("recursive") in ("True", "true"))
        if inside and not entries:
            raise HubError(404, "EntryNotFound", f"{path} does not exist on {revision}")
        start = int(self.query.get("cursor", 0))
        headers = {}
        if len(entries) > start + PAGE:
            again = urlencode({**self.query, "cursor": start + PAGE})
            url = f"{self.hub.endpoint}{urlsplit(self.path).path}?{again}"
            headers["Link"] = f'<{url}>; rel="next"'
        self._send(200, entries[start : start + PAGE], headers)

    def paths_info(self, repo: str, revision: str) -> None:
        found = self._repo(repo)
        files = found.trees[found.resolve(revision)]
        is_json = "json" in (self.headers.get("Content-Type") or "")
        form = json.loads(self.body) if is_json else parse_qs(self.body.decode())
        self._send(200, [files[path].describe(path) for path in form["paths"] if path in files])

    def references(self, repo: str) -> None:
        found = self._repo(repo)
        entries = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha}
            for name, sha in found.refs.items()
            if not name.startswith("refs/")
        ]
        self._send(200, {"branches": entries, "converts": [], "tags": []})

    def discussions(self, repo: str) -> None:
        entries = [
            {
                "num": number,
                "title": title,
                "status": "open",
                "isPullRequest": True,
                "createdAt": WHEN,
                "author": {"name": "tester"},
                "repo": {"name": repo, "type": self._kind.removesuffix("s")},
            }
            for number, title in self._repo(repo).pulls
        ]
        self._send(200, {"discussions": entries, "count": len(entries), "start": 0})

    def comment(self, repo: str, number: str) -> None:
        text = json.loads(self.body)["comment"]
        self._repo(repo).comments.append((int(number), text))
        message = {
            "id": "c1",
            "type": "comment",
            "createdAt": WHEN,
            "author": {"name": "tester"},
            "data": {"edited": False, "hidden": False, "latest": {"raw": text}},
        }
        self._send(200, {"newMessage": message})

    def resolve(self, repo: str, revision: str, path: str) -> None:
        found = self._repo(repo)
        sha = found.resolve(revision)
        blob = found.trees[sha].get(path)
        if blob is None:
            raise HubError(404, "EntryNotFound", "Entry not found", sha)
        etag = blob.etag
        if self.command == "GET" and path in self.hub.failing:
            raise HubError(500, "", "Internal Error")
        if self.command == "GET" and self.hub.damaged.get(path, 0):
            self.hub.damaged[path] -= 1
            blob = Blob(bytes(byte ^ 1 for byte in blob.data), blob.is_large)
        size = len(blob.data)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if blob.is_large:
            headers |= {"X-Linked-Size": str(size), "X-Linked-Etag": f'"{etag}"'}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None or self.command == "HEAD":
            self._send(200, blob.data, headers, length=size)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        if first >= size:
            raise HubError(416, "", "Requested Range Not Satisfiable")
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._send(206, blob.data[first : last + 1], headers)

    def create(self) -> None:
        wanted = json.loads(self.body)
        repo_id = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
        if repo_id in self.hub.datasets:
            raise HubError(409, "", "You already created this dataset repo")
        self.hub.create(repo_id)
        self._send(200, {"url": f"{self.hub.endpoint}/datasets/{repo_id}", "name": repo_id})

    def validate_yaml(self) -> None:
        self._send(200, {"errors": [], "warnings": []})

    def who(self) -> None:
        token = {"accessToken": {"role": "write", "displayName": "t"}, "type": "access_token"}
        self._send(200, {"type": "user", "name": "tester", "orgs": [], "auth": token})

    def preupload(self, repo: str, revision: str) -> None:
        found = self._repo(repo)
        files = found.trees[found.resolve(revision)]
        answer = [
            {
                "path": entry["path"],
                "uploadMode": "lfs" if entry["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
                "oid": files[entry["path"]].etag if entry["path"] in files else None,
            }
            for entry in json.loads(self.body)["files"]
        ]
        self._send(200, {"files": answer})

    def lfs_batch(self, repo: str) -> None:
        self._repo(repo)
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            link = {"upload": {"href": f"{self.hub.endpoint}/upload/{wanted['oid']}"}}
            is_known = wanted["oid"] in self.hub.uploads
            objects.append(wanted if is_known else {**wanted, "actions": link})
        self._send(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "", "the bytes are not those of the oid")
        self.hub.uploads[oid] = self.body
        self._send(200)

    def commit(self, repo: str, revision: str) -> None:
        found = self._repo(repo)
        tree = dict(found.trees[found.resolve(revision)])
        title = "commit"
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit", found.refs["main"]) != found.refs["main"]:
                    raise HubError(412, "", "A commit has happened since. Please refresh.")
            else:
                self._apply(tree, entry["key"], value)
        extra = {}
        if "create_pr" in self.query:
            number, sha = found.open_pull(tree, title)
            extra["pullRequestUrl"] = f"{self._page(repo)}/discussions/{number}"
        else:
            sha = found.commit(tree, ref=revision, title=title)
        url = f"{self._page(repo)}/commit/{sha}"
        self._send(200, {"success": True, "commitOid": sha, "commitUrl": url, **extra})

    def _apply(self, tree: Tree, key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            if path == "eval.yaml" and self.hub.refuse_eval_yaml:
                raise HubError(400, "", "eval.yaml: evaluation_framework is not in the enum")
            tree[path] = Blob.of(path, base64.b64decode(value["content"]))
        elif key == "lfsFile":
            tree[path] = Blob.of(path, self.hub.uploads[value["oid"]])
        elif key == "deletedFile":
            if path not in tree:
                raise HubError(404, "EntryNotFound", "A file with this name doesn't exist")
            del tree[path]
        else:
            raise HubError(400, "", f"unknown operation {key}")


def _list_tree(files: Tree, inside: str, *, deep: bool) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    folders: set[str] = set()
    for path, blob in sorted(files.items()):
        if not path.startswith(inside):
            continue
        parts = path.removeprefix(inside).split("/")
        for depth in range(1, len(parts)):
            folder = inside + "/".join(parts[:depth])
            if (deep or depth == 1) and folder not in folders:
                folders.add(folder)
                entries.append({"type": "directory", "path": folder, "oid": "0" * 40})
        if deep or len(parts) == 1:
            entries.append(blob.describe(path))
    return entries


# Datasets, models and Spaces share one namespace, so a test gives them different names.
_API = r"/api/(?:datasets|models|spaces)/(?P<repo>[^/]+/[^/]+)"
ROUTES: list[tuple[tuple[str, ...], str, Callable[..., None]]] = [
    (("GET",), _API, Handler.info),
    (("GET",), _API + r"/revision/(?P<revision>[^/]+)", Handler.info),
    (("GET",), _API + r"/tree/(?P<revision>[^/]+)(?:/(?P<path>.*))?", Handler.tree),
    (("POST",), _API + r"/paths-info/(?P<revision>[^/]+)", Handler.paths_info),
    (("GET",), _API + r"/refs", Handler.references),
    (("GET",), _API + r"/discussions", Handler.discussions),
    (("POST",), _API + r"/discussions/(?P<number>[0-9]+)/comment", Handler.comment),
    (("POST",), _API + r"/preupload/(?P<revision>[^/]+)", Handler.preupload),
    (("POST",), _API + r"/commit/(?P<revision>[^/]+)", Handler.commit),
    (
        ("GET", "HEAD"),
        r"/(?:datasets/|spaces/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        Handler.resolve,
    ),
    (
        ("POST",),
        r"/(?:datasets/|spaces/)?(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch",
        Handler.lfs_batch,
    ),
    (("PUT",), r"/upload/(?P<oid>[0-9a-f]{64})", Handler.upload),
    (("POST",), r"/api/repos/create", Handler.create),
    (("POST",), r"/api/validate-yaml", Handler.validate_yaml),
    (("GET",), r"/api/whoami-v2", Handler.who),
]
