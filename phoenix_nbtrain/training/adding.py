"""Pictures' way into the draft: read, kept on this computer, listed; sending comes behind."""

from __future__ import annotations

from dataclasses import replace

from phoenix_nbtrain import catalog
from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.dataset import edits, intake
from phoenix_nbtrain.dataset.edits import Applied
from phoenix_nbtrain.dataset.intake import AddReport, Picture
from phoenix_nbtrain.draft import Draft, ImageRow, new_image_id
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.training.editing import Editing
from phoenix_nbtrain.training.live import Live

__all__ = ["AddReport", "Adding"]


class Adding:
    """Adds and replaces pictures of one draft."""

    def __init__(self, live: Live, editing: Editing, pictures: Contents) -> None:
        self._live = live
        self._editing = editing
        self._pictures = pictures

    def add(self, source: object, *, recursive: bool) -> AddReport:
        """Add what ``source`` holds, all or nothing as to how many a training takes.

        Raises:
            InputError: the source cannot be read, or holds too many; nothing was added.
        """
        draft = self._live.state.draft
        taken = intake.take(
            source,
            room=catalog.IMAGES_MAX - len(draft.images),
            known=_known(draft),
            names={row.name for row in draft.images},
            recursive=recursive,
        )
        rows = [self._row(picture) for picture in taken.pictures]
        ids: list[str] = []

        def change(draft: Draft) -> Applied:
            # Another kernel may have added the same pictures since: what stands decides.
            there = _known(draft)
            ids[:] = [there.get(_key(row), row.image_id) for row in rows]
            new = [row for row in rows if _key(row) not in there]
            if len(draft.images) + len(new) > catalog.IMAGES_MAX:
                raise InputError(
                    f"A training takes {catalog.IMAGES_MAX} images and has {len(draft.images)}.",
                    remedy=f"{len(new)} more do not fit; nothing was added.",
                )
            return edits.insert_images(draft, new)

        self._editing.apply(change).result()
        return taken.report(ids)

    def replace(self, row: ImageRow, source: object) -> None:
        """Put the one picture that ``source`` holds in ``row``'s place."""
        draft = self._live.state.draft
        others = {key: i for key, i in _known(draft).items() if i != row.image_id}
        taken = intake.take(source, room=1, known=others, names=set(), recursive=False)
        if len(taken.pictures) != 1:
            reason = taken.fates[0].reason if taken.fates else "it holds no picture"
            raise InputError(
                f"{row.name[:60]} was not replaced: {reason[:80]}.", remedy="Give one picture."
            )
        new = self._row(taken.pictures[0])

        def change(draft: Draft) -> Applied:
            stands = draft.image.get(row.image_id)
            if stands is None or _key(stands) == _key(new):
                return Applied(draft=draft)
            gone = {stands.asset_id} if stands.attached and stands.asset_id else set()
            replaced = replace(
                new, image_id=stands.image_id, name=stands.name, caption=stands.caption
            )
            after = draft.with_images({stands.image_id: replaced})
            return Applied(
                draft=replace(after, revision=draft.revision + 1, removed=draft.removed | gone),
                accepted=(0,),
            )

        self._editing.apply(change).result()

    def _row(self, picture: Picture) -> ImageRow:
        if picture.asset_id is not None:
            return ImageRow(
                image_id=new_image_id(),
                name=picture.name,
                caption=picture.caption,
                asset_id=picture.asset_id,
            )
        content, header = picture.read(), picture.header
        return ImageRow(
            image_id=new_image_id(),
            name=picture.name,
            caption=picture.caption,
            width=header.width if header else None,
            height=header.height if header else None,
            bytes=len(content),
            content_hash=self._pictures.put(content),
        )


def _key(row: ImageRow) -> str:
    return row.content_hash or row.asset_id or row.image_id


def _known(draft: Draft) -> dict[str, str]:
    """Return image ids by content hash and by asset id."""
    known = {row.asset_id: row.image_id for row in draft.images if row.asset_id}
    return known | {row.content_hash: row.image_id for row in draft.images if row.content_hash}
