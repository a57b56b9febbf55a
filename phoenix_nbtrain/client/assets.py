"""The endpoints of assets, uploads and downloads."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from phoenix_nbtrain.client import uploads
from phoenix_nbtrain.client.endpoints import Endpoints, segment
from phoenix_nbtrain.client.transport import as_json
from phoenix_nbtrain.errors import NotFound
from phoenix_nbtrain.records import Asset, Download, Job, Upload, address

__all__ = ["ASSETS_PER_READ", "AssetEndpoints"]

ASSETS_PER_READ = 200
"""Most assets that one call reads (SDK)."""

Begun = Callable[[str], None]


class AssetEndpoints(Endpoints):
    """Pictures and their captions, on their way in and out."""

    def get_asset(self, asset_id: str) -> Asset:
        """Read an asset."""
        reply = self._http.send("get_asset", "GET", f"/assets/{segment(asset_id)}")
        return Asset.from_wire(reply.inner("asset"))

    def get_assets(self, ids: Sequence[str]) -> tuple[Asset, ...]:
        """Read several assets, in the order of ``ids``; what the service lacks is left out.

        Their addresses lead to the files as they were sent, not to versions made for viewing.
        """
        found: dict[str, Asset] = {}
        for start in range(0, len(ids), ASSETS_PER_READ):
            body = {"assetIds": list(ids[start : start + ASSETS_PER_READ])}
            whole = {"originalAssets": "true"}
            reply = self._http.send(
                "get_assets", "POST", "/assets/get-bulk", body=body, params=whole
            )
            for wire in reply.objects("assets"):
                asset = Asset.from_wire(wire)
                found[asset.id] = asset
        return tuple(found[i] for i in dict.fromkeys(ids) if i in found)

    def update_asset(
        self, asset_id: str, *, description: str | None = None, name: str | None = None
    ) -> Asset:
        """Write an asset's caption or name; what is ``None`` stays."""
        given = {"description": description, "name": name}
        body = {key: value for key, value in given.items() if value is not None}
        path = f"/assets/{segment(asset_id)}"
        reply = self._http.send("update_asset", "PUT", path, body=body)
        return Asset.from_wire(reply.inner("asset"))

    def upload_image(
        self,
        name: str,
        content: bytes,
        *,
        upload_id: str | None = None,
        begun: Begun | None = None,
    ) -> Asset:
        """Upload a picture as a new asset. Free.

        Up to 4 MB go in one request, more in parts.

        Args:
            name: its file name.
            content: the bytes of a JPEG, PNG or WebP file.
            upload_id: an upload that was begun with the same bytes; only what is missing is sent.
            begun: is told the id of an upload in parts as soon as there is one.

        Raises:
            ImageError: it is no picture the service trains on.
            ServiceUnreachable: no usable reply came; the same call with ``upload_id`` goes on.
            ServiceError: the service refused, or could not import it.
        """
        return uploads.send(self, self._http, name, content, upload_id=upload_id, begun=begun)

    def import_image(
        self, url: str, *, upload_id: str | None = None, begun: Begun | None = None
    ) -> Asset:
        """Let the service fetch a picture from the web as a new asset. Nothing is fetched here.

        Args:
            url: an http or https address that needs no credentials.
            upload_id: an import that was begun before; it is waited for.
            begun: is told the id of the import as soon as there is one.

        Raises:
            InputError: the address is none that a service could fetch.
            ServiceUnreachable: no usable reply came; the same call with ``upload_id`` goes on.
            ServiceError: the service refused, or could not import it.
        """
        return uploads.fetch(self, self._http, url, upload_id=upload_id, begun=begun)

    def upload_inline(self, name: str, content: bytes) -> Asset:
        """Upload a small picture in one request."""
        # Base64 needs no escapes, and json would spend most of the upload's work looking for some.
        named = as_json({"name": name})[:-1]
        body = b'%b,"image":"%b"}' % (named, base64.b64encode(content))
        reply = self._http.send("upload_inline", "POST", "/assets", body=body)
        return Asset.from_wire(reply.inner("asset"))

    def begin_upload(self, *, file_name: str, content_type: str, size: int, parts: int) -> Upload:
        """Announce a picture of ``size`` bytes in ``parts`` parts; the reply says where they go."""
        return self._begin(
            {
                "fileName": file_name,
                "contentType": content_type,
                "fileSize": size,
                "parts": parts,
                "kind": "image",
            }
        )

    def begin_import(self, url: str) -> Upload:
        """Ask the service to fetch a picture."""
        return self._begin({"url": url, "kind": "image"})

    def _begin(self, body: dict[str, Any]) -> Upload:
        reply = self._http.send("begin_upload", "POST", "/uploads", body=body)
        return Upload.from_wire(reply.inner("upload"))

    def get_upload(self, upload_id: str) -> Upload:
        """Read how far an upload is."""
        reply = self._http.send("get_upload", "GET", f"/uploads/{segment(upload_id)}")
        return Upload.from_wire(reply.inner("upload"))

    def send_part(self, url: str, content: bytes) -> None:
        """Put one part at its signed address, without credentials."""
        # Any 2xx says that it is stored, unless a proxy says it with a page of its own.
        self._http.send_signed("send_part", "PUT", url, content=content).refuse_page()

    def complete_upload(self, upload_id: str) -> Upload:
        """Say that all parts are there."""

        def send() -> Upload:
            path = f"/uploads/{segment(upload_id)}/action"
            reply = self._http.send("complete_upload", "POST", path, body={"action": "complete"})
            return Upload.from_wire(reply.inner("upload"))

        def look() -> Upload | None:
            upload = self.get_upload(upload_id)
            return None if upload.status == "pending" else upload

        return self._http.reading_first("complete_upload", send, look)

    def get_download(self, job_id: str) -> Download:
        """Read whether a download that was asked for is ready, and where it is.

        For models it is not stated where the address stands: it is looked for where downloads of
        assets have theirs, then in the job itself.
        """
        path = segment(job_id)
        try:
            reply = self._http.send("get_download", "GET", f"/assets/download/{path}")
        except NotFound:
            job = Job.from_wire(self._http.send("get_job", "GET", f"/jobs/{path}").inner("job"))
            url = address("downloadUrl", "url").of(job.output)
            return Download(job_id=job.id, status=job.status, url=url)
        return Download.from_wire(reply.object())

    def fetch(self, url: str) -> bytes:
        """Return the bytes, at most 64 MB, behind a signed address of the service."""
        return self._http.send_signed("fetch", "GET", url).content

    def fetch_to(self, url: str, path: Path) -> int:
        """Write what a signed address of the service holds to a file; return its bytes.

        Raises:
            ServiceUnreachable, ServiceError: as for every read; the file may hold a part.
            OSError: the file cannot be written.
        """
        return self._http.save_signed("fetch_to", url, path)
