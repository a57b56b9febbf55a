"""A cache never fails, never hands out a damaged file, and stays within its bound."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phoenix_nbtrain.cache import USED_SECONDS, Cache
from phoenix_nbtrain.home import WRITING


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def used(cache: Cache, key: str, *, hours_ago: float) -> None:
    at = time.time() - hours_ago * 3600
    os.utime(cache._path(key), (at, at))


def test_what_was_put_is_there_for_another_kernel(tmp_path):
    Cache(tmp_path / "c", bytes_max=1000).put("a \udc80 key/../x", b"content")
    assert Cache(tmp_path / "c", bytes_max=1000).get("a \udc80 key/../x") == b"content"
    assert Cache(tmp_path / "c", bytes_max=1000).get("another") is None
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    (file,) = files(tmp_path)
    assert file.parents[1] == tmp_path / "c"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content + b"!",
        lambda content: bytes([content[0] ^ 1]) + content[1:],
        lambda content: bytes(len(content)),
    ],
)
def test_a_damaged_file_is_as_good_as_none_and_goes(tmp_path, damage):
    cache = Cache(tmp_path, bytes_max=1000)
    cache.put("a", b"content")
    (file,) = files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get("a") is None
    assert files(tmp_path) == []


def test_a_file_under_anothers_name_is_not_taken_for_it(tmp_path):
    cache = Cache(tmp_path, bytes_max=1000)
    cache.put("a", b"content")
    cache.put("b", b"other")
    cache._path("a").replace(cache._path("b"))
    assert cache.get("b") is None


def test_the_longest_unused_go_first(tmp_path):
    cache = Cache(tmp_path, bytes_max=1000)
    for age, key in enumerate("abcde"):
        cache.put(key, bytes(150))
        used(cache, key, hours_ago=24 - age)
    assert cache.get("a") is not None  # used just now
    cache.put("f", bytes(150))
    cache.put("g", bytes(150))
    assert [k for k in "abcdefg" if cache.get(k) is None] == ["b", "c"]
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 1000


def test_reading_often_writes_nothing(tmp_path):
    cache = Cache(tmp_path, bytes_max=1000)
    cache.put("a", b"content")
    at = time.time() - USED_SECONDS / 2
    os.utime(cache._path("a"), (at, at))
    cache.get("a")
    assert cache._path("a").stat().st_mtime == pytest.approx(at, abs=0.01)


def test_what_a_killed_kernel_left_goes_with_the_rest(tmp_path):
    cache = Cache(tmp_path, bytes_max=1000)
    cache.put("a", bytes(500))
    half = cache._path("a").with_name(WRITING + "half")
    half.write_bytes(bytes(700))
    os.utime(half, (1, 1))
    Cache(tmp_path, bytes_max=1000).put("b", bytes(100))
    assert not half.exists()
    assert cache.get("a") is not None


def test_where_nothing_can_be_written_nothing_is_kept_and_nothing_fails(tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    cache = Cache(tmp_path / "file", bytes_max=1000)
    cache.put("a", b"content")
    assert cache.get("a") is None


def test_an_interrupted_write_leaves_no_file(tmp_path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path, bytes_max=1000).put("a", b"content")
    assert files(tmp_path) == []


KERNEL = """
import sys
from pathlib import Path
from phoenix_nbtrain.cache import Cache
cache = Cache(Path(sys.argv[1]), bytes_max=40_000)
for i in range(300):
    key = f"{i * int(sys.argv[2]) % 97}"
    content = cache.get(key)
    assert content in (None, key.encode() * 300), key
    cache.put(key, key.encode() * 300)
"""


def test_several_kernels_share_one_folder(tmp_path):
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", KERNEL, str(tmp_path), step], stderr=subprocess.PIPE, text=True
        )
        for step in ("1", "5", "11")
    ]
    for kernel in kernels:
        _, said = kernel.communicate(timeout=60)
        assert kernel.returncode == 0, said
    # Each may be a tenth above the bound by what it has not counted yet.
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 40_000 * 1.3
    assert not [file for file in files(tmp_path) if file.name.startswith(WRITING)]
