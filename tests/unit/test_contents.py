"""Files kept by their content."""

from __future__ import annotations

from phoenix_nbtrain.contents import Contents


def test_a_damaged_file_is_gone_until_its_content_is_kept_again(tmp_path):
    contents = Contents(tmp_path)
    kept = contents.put(b"an image")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(b"")  # as a full disk leaves it
    assert contents.get(kept) is None
    assert contents.put(b"an image") == kept
    assert contents.get(kept) == b"an image"


def test_what_is_kept_twice_is_written_once(tmp_path):
    contents = Contents(tmp_path)
    contents.put(b"an image")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    before = file.stat()
    contents.put(b"an image")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
